//! chameleon.
