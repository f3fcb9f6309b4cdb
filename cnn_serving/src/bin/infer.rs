//! Runs the function once, or classifies any pictures, without Lambda.

use cnn_serving::CnnServing;

#[expect(clippy::print_stdout, reason = "the answer is this program's output")]
fn main() -> anyhow::Result<()> {
    let mut function = CnnServing::from_env()?;
    println!("{}", function.answer(&std::env::args().nth(1).unwrap_or("{}".into()))?.get());
    Ok(())
}
