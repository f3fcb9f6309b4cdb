# Tasks. `just` is optional: each recipe is one plain command. See CONTRIBUTING.md.

# Lists the recipes.
default:
    @just --list

# Downloads what the functions and the tests need.
setup:
    ./scripts/setup.sh

# Loads both functions on a local Lambda for 20 seconds.
demo:
    ./scripts/demo.sh

# Builds the programs.
build:
    cargo build --locked --workspace --bins

# Formats the Rust code.
fmt:
    cargo fmt --all

# Runs the lints.
lint:
    cargo clippy --locked --workspace --all-targets -- -D warnings

# Runs format, lints and unit tests.
quick:
    ./scripts/test.sh --quick

# Runs all tests.
test:
    ./scripts/test.sh

# Runs the commands of the documents.
commands: build
    ./scripts/tests/commands.py target/debug

# Checks that every test that SPECIFICATION.md names exists.
specification:
    ./scripts/check_specification.py

# Checks the boundaries of ARCHITECTURE.md.
boundaries:
    ./scripts/check_boundaries.py

# Writes the JSON Schemas of the results.
schemas:
    cargo run --locked -p run_record --example schemas

# Writes the manifests for Knative.
manifests:
    ./scripts/knative_manifests.py --write

# Shows where the time of cnn_serving goes.
bench:
    cargo bench -p cnn_serving

# Builds the images.
images:
    ./docker/build.sh

# Deploys to a simulation of AWS on this machine.
rehearse:
    ./scripts/rehearse.sh

# Opens the documentation of the code.
doc:
    cargo doc --no-deps --open
