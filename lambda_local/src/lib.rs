//! lambda_local.
