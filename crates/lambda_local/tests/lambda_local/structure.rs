//! What the documentation of the crate says of its structure, where neither the compiler nor a lint keeps it.

use std::fs;
use std::path::Path;

/// The code of a file of the library, without its tests.
fn code(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = fs::read_to_string(&path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_decides_is_pure() {
    for file in [
        "pool/mod.rs",
        "pool/function.rs",
        "pool/slots.rs",
        "pool/start_rate.rs",
        "runtime_api/protocol.rs",
        "inject/model.rs",
        "inject/distribution.rs",
        "management_api/account.rs",
        "management_api/body.rs",
        "management_api/list.rs",
        "management_api/update.rs",
        "management_api/variables.rs",
        "cli/settings.rs",
        "cli/functions_file.rs",
    ] {
        let code = code(file);
        for impure in
            ["async ", "tokio", "std::io", "std::fs", "std::net", "std::time", "crate::clock", "Mutex"]
        {
            assert!(!code.contains(impure), "{file} uses {impure}");
        }
    }
}

#[test]
fn what_a_client_is_told_stands_in_one_file() {
    for file in ["outcome/mod.rs", "service.rs", "events.rs", "environment/mod.rs", "environment/worker.rs"] {
        assert!(!code(file).contains("StatusCode"), "{file} knows of HTTP");
    }
    for file in ["invoke_api/mod.rs", "invoke_api/request.rs"] {
        assert!(!code(file).contains("Failure"), "{file} looks at failures");
    }
}
