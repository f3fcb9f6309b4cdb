# shellcheck shell=bash
#
# Where cargo puts what it builds.

# Prints the target directory, wherever the environment or cargo's configuration has it.
target_directory() {
    cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}
