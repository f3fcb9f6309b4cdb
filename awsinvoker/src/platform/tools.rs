//! What other programs say of themselves, for `run.json`.

use std::path::Path;

use run_record::run_info::DockerInfo;

use crate::ask::first_line;

/// What Docker is asked for.
const DOCKER: [&str; 3] = ["info", "--format", "{{.ServerVersion}} {{.Driver}}"];

/// What `PROGRAM --version` says behind the program's name.
pub(super) async fn version(program: &Path) -> Option<String> {
    let name = program.file_name()?.to_str()?;
    let said = first_line(program, &["--version"]).await?;
    said.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned)
}

/// Version and storage driver of Docker.
pub(super) async fn docker() -> Option<DockerInfo> {
    let said = first_line(Path::new("docker"), &DOCKER).await?;
    let (version, storage_driver) = said.split_once(' ')?;
    Some(DockerInfo { version: version.to_owned(), storage_driver: storage_driver.to_owned() })
}

/// How many processors Docker has.
pub(super) async fn docker_cpus() -> Option<u64> {
    first_line(Path::new("docker"), &["info", "--format", "{{.NCPU}}"]).await?.parse().ok()
}

/// The id of the image that a name means to Docker, if Docker has it.
pub(super) async fn image_id(image: &str) -> Option<String> {
    first_line(Path::new("docker"), &["image", "inspect", "--format", "{{.Id}}", image]).await
}

/// The address at which this port of a container can be reached.
pub(super) async fn published_port(container: &str, port: u16) -> Option<String> {
    first_line(Path::new("docker"), &["port", container, &format!("{port}/tcp")]).await
}
