//! The network, run by ONNX Runtime.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;
use ort::ep;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use thiserror::Error;

use crate::image::{TENSOR_SHAPE, Tensor};
use crate::{labels, library};

const INPUT: &str = "image";
const OUTPUT: &str = "probabilities";
const OUTPUT_SHAPE: [usize; 2] = [1, labels::COUNT];

/// How ONNX Runtime runs the network; [`crate::settings`] says what each option does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Threads within one operator.
    pub intra_threads: usize,
    /// Whether they spin while waiting.
    pub spinning: bool,
    /// How far the graph is optimised.
    pub optimization: Optimization,
}

/// How far ONNX Runtime optimises the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimization {
    /// As written.
    Off,
    /// Redundant nodes are removed.
    Basic,
    /// Nodes are fused.
    Extended,
    /// The layout of tensors is changed too.
    All,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { intra_threads: 1, spinning: false, optimization: Optimization::All }
    }
}

/// The network, loaded.
#[derive(Debug)]
pub struct Model {
    session: Session,
}

/// Why the network cannot be loaded or run.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The library is missing, or is not ONNX Runtime in a version that will do.
    #[error("cannot load the ONNX Runtime library {}: {problem}; run ./scripts/setup.sh", path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// What ONNX Runtime or the dynamic linker says.
        problem: String,
    },
    /// The model is missing or broken.
    #[error("cannot load the model {}: {problem}; run ./scripts/setup.sh", path.display())]
    Load {
        /// The model.
        path: PathBuf,
        /// What ONNX Runtime says.
        problem: String,
    },
    /// The model is another network.
    #[error("the model {} has {found}; expected {expected}; run ./scripts/setup.sh", path.display())]
    Shape {
        /// The model.
        path: PathBuf,
        /// Its inputs or outputs.
        found: String,
        /// What they ought to be.
        expected: String,
    },
    /// A run failed.
    #[error("the network failed: {0}")]
    Run(#[from] ort::Error),
}

impl Model {
    /// Loads the network in `model` with the ONNX Runtime in `library`, an absolute path. A process has one
    /// ONNX Runtime: once one is loaded, `library` is not looked at again.
    ///
    /// # Errors
    /// If either file is missing or broken, or the network does not classify 227 x 227 pixels into 1000 classes.
    pub fn load(library: &Path, model: &Path, options: &SessionOptions) -> Result<Self, ModelError> {
        let environment = environment(library)?;
        let session = open_session(&environment, model, options)
            .map_err(|error| ModelError::Load { path: model.to_owned(), problem: one_line(&error) })?;
        check_outlets("the inputs", session.inputs(), INPUT, &TENSOR_SHAPE, model)?;
        check_outlets("the outputs", session.outputs(), OUTPUT, &OUTPUT_SHAPE, model)?;
        Ok(Self { session })
    }

    /// The probability of each class for one image, prepared by [`crate::image::preprocess`].
    ///
    /// # Errors
    /// If ONNX Runtime fails.
    pub fn run(&mut self, image: &Tensor) -> Result<[f32; labels::COUNT], ModelError> {
        let input = TensorRef::from_array_view(image)?;
        let outputs = self.session.run(ort::inputs![INPUT => input])?;
        let (_, probabilities) = outputs[OUTPUT].try_extract_tensor::<f32>()?;
        let count = probabilities.len();
        probabilities
            .try_into()
            .map_err(|_| ort::Error::new(format!("{count} probabilities; expected {}", labels::COUNT)).into())
    }
}

/// The one ONNX Runtime environment of the process.
fn environment(path: &Path) -> Result<Environment, ModelError> {
    static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);
    let failed = |problem: String| ModelError::Library { path: path.to_owned(), problem };
    let mut loaded = ENVIRONMENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    library::check_whole(path).map_err(|error| failed(error.to_string()))?;
    // Loading the library explicitly gives an error where ort's default would panic.
    let builder = ort::init_from(path).map_err(|error| failed(error.to_string()))?;
    let environment = builder.with_telemetry(false).build().map_err(|error| failed(one_line(&error)))?;
    Ok(loaded.insert(environment).clone())
}

fn open_session(environment: &Environment, model: &Path, options: &SessionOptions) -> ort::Result<Session> {
    let level = match options.optimization {
        Optimization::Off => GraphOptimizationLevel::Disable,
        Optimization::Basic => GraphOptimizationLevel::Level1,
        Optimization::Extended => GraphOptimizationLevel::Level2,
        Optimization::All => GraphOptimizationLevel::All,
    };
    // The tensors of each run get the memory of the run before from ONNX Runtime's own arena. The C library is no substitute:
    // before version 2.38 of glibc, an aligned block that was freed is often not used for the next one of its size, and a
    // process grew by 4 MB a run.
    Session::builder(environment)?
        .with_execution_providers([ep::CPU::default().with_arena_allocator(true).build()])?
        .with_intra_threads(options.intra_threads)?
        .with_intra_op_spinning(options.spinning)?
        .with_optimization_level(level)?
        .commit_from_file(model)
}

fn check_outlets(
    what: &str,
    outlets: &[Outlet],
    name: &str,
    shape: &[usize],
    model: &Path,
) -> Result<(), ModelError> {
    if let [outlet] = outlets
        && outlet.name() == name
        && let ValueType::Tensor { ty: TensorElementType::Float32, shape: found, .. } = outlet.dtype()
        && found.iter().copied().eq(shape.iter().map(|length| *length as i64))
    {
        return Ok(());
    }
    let outlets: Vec<_> =
        outlets.iter().map(|outlet| format!("{}: {}", outlet.name(), outlet.dtype())).collect();
    Err(ModelError::Shape {
        path: model.to_owned(),
        found: format!("{what} [{}]", outlets.join(", ")),
        expected: format!("one, {name}, of shape {shape:?} and type f32"),
    })
}

/// ONNX Runtime's messages may have several lines; logs and error answers have one.
fn one_line(error: &ort::Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}
