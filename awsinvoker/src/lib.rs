//! awsinvoker.
