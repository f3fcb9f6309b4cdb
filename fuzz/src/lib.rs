//! What the fuzz targets share.
//!
//! Parsers of packages that depend on the AWS SDK or on ONNX Runtime are modules of this package, so that those need not
//! be compiled with instrumentation. The modules find here what they use of their packages.

#![allow(dead_code, unused_imports, reason = "the modules also hold what only their packages use")]

#[path = "../../awsinvoker/src/platform/answer.rs"]
pub mod answer;
#[path = "../../awsinvoker/src/plan/endpoints/mod.rs"]
pub mod endpoints;
#[path = "../../cnn_serving/src/event.rs"]
pub mod event;
pub mod experiment;
#[path = "../../awsinvoker/src/platform/grpc/message.rs"]
pub mod grpc_message;
// A link: a module with modules of its own has to lie here.
pub mod image;
#[path = "../../awsinvoker/src/platform/lambda/log_tail.rs"]
pub mod log_tail;
mod plan;
#[path = "../../awsinvoker/src/text.rs"]
mod text;
#[path = "../../cnn_serving/src/object_store/uri.rs"]
mod uri;

mod cli {
    pub(crate) const DEFAULT_ENDPOINTS_FILE: &str = "endpoints.json";
}

mod platform {
    pub(crate) struct SizedVersions;

    impl SizedVersions {
        pub(crate) fn alias(memory_mb: u32) -> String {
            format!("mb-{memory_mb}")
        }
    }
}

mod object_store {
    pub use crate::uri::{BUCKET_FORM, KEY_FORM, ObjectUri, UriError};
}

mod samples {
    pub(crate) const COUNT: usize = 4;
}
