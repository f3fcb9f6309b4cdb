//! Images: what a name means now, and whether the image can be run on this machine.

use std::collections::BTreeMap;

use bollard::Docker as Client;
use bollard::errors::Error;
use bollard::models::ImageInspect;

use super::error::DockerError;

/// An image as it was when it was looked up. If its name is given to another image later, nothing changes here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// The digest of the image's configuration.
    pub(crate) id: String,
    /// What Lambda calls the handler: the first word of CMD, or else of ENTRYPOINT.
    pub(crate) handler: String,
    /// ENTRYPOINT and CMD: a program and its arguments. There is at least the program.
    pub(crate) command: Vec<String>,
    /// ENV.
    pub(crate) variables: Vec<(String, String)>,
    /// WORKDIR.
    pub(crate) folder: String,
}

/// Looks up the images with these names.
///
/// # Errors
/// If there is no such image, or it cannot be run on this machine.
pub(super) async fn resolve_all(
    client: &Client,
    names: &[&str],
) -> Result<BTreeMap<String, Image>, DockerError> {
    let mut images = BTreeMap::new();
    for name in names {
        if !images.contains_key(*name) {
            let image = resolve(client, name).await?;
            tracing::info!("the image {name} is {}", image.id);
            images.insert((*name).to_owned(), image);
        }
    }
    Ok(images)
}

/// Looks up one image.
///
/// # Errors
/// If there is no such image, or it cannot be run on this machine.
pub(super) async fn resolve(client: &Client, name: &str) -> Result<Image, DockerError> {
    match client.inspect_image(name).await {
        Ok(found) => checked(name, found),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
            Err(DockerError::NoImage(name.to_owned()))
        }
        Err(source) => Err(DockerError::Refused { what: "look an image up", source }),
    }
}

fn checked(name: &str, found: ImageInspect) -> Result<Image, DockerError> {
    let platform = format!("{}/{}", found.os.unwrap_or_default(), found.architecture.unwrap_or_default());
    let expected = format!("linux/{}", architecture());
    if platform != expected {
        return Err(DockerError::Platform { image: name.to_owned(), found: platform, expected });
    }
    let config = found.config.unwrap_or_default();
    let (entrypoint, command) = (config.entrypoint.unwrap_or_default(), config.cmd.unwrap_or_default());
    let handler = command.first().or(entrypoint.first());
    let handler = handler.ok_or_else(|| DockerError::NoCommand(name.to_owned()))?.clone();
    let id = found.id.ok_or(DockerError::Incomplete("the id of an image"))?;
    let variables = config.env.unwrap_or_default();
    let variables = variables.iter().filter_map(|pair| pair.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let folder = config.working_dir.filter(|folder| !folder.is_empty()).unwrap_or_else(|| "/".to_owned());
    Ok(Image { id, handler, command: [entrypoint, command].concat(), variables, folder })
}

/// This machine's architecture as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ImageConfig;

    use super::*;

    fn image(architecture: &str, entrypoint: &[&str], command: &[&str]) -> ImageInspect {
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let config = ImageConfig { entrypoint: words(entrypoint), cmd: words(command), ..Default::default() };
        ImageInspect {
            id: Some("sha256:1".to_owned()),
            os: Some("linux".to_owned()),
            architecture: Some(architecture.to_owned()),
            config: Some(config),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_run_comes_from_entrypoint_or_command() {
        let handler = |entrypoint, command| {
            let image = checked("f", image(architecture(), entrypoint, command));
            image.map(|image| image.handler).map_err(|error| error.to_string())
        };
        assert_eq!(handler(&["/f"], &[]).unwrap(), "/f");
        assert_eq!(handler(&["/f"], &["app.handler"]).unwrap(), "app.handler");
        assert_eq!(handler(&[], &["/g"]).unwrap(), "/g");
        insta::assert_snapshot!(handler(&[], &[]).unwrap_err(), @"the image f has neither ENTRYPOINT nor CMD; expected one that says what to run");
    }

    #[test]
    fn what_a_process_needs_is_read_from_the_image() {
        let mut found = image(architecture(), &["/f", "-x"], &["app.handler"]);
        let config = found.config.as_mut().unwrap();
        config.env = Some(vec!["PATH=/bin".to_owned(), "A=b=c".to_owned()]);
        config.working_dir = Some("/var/task".to_owned());
        let image = checked("f", found).unwrap();
        assert_eq!(image.command, ["/f", "-x", "app.handler"]);
        assert_eq!(
            image.variables,
            [("PATH", "/bin"), ("A", "b=c")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(image.folder, "/var/task");
        assert_eq!(checked("f", self::image(architecture(), &["/f"], &[])).unwrap().folder, "/");
    }

    #[test]
    fn an_image_for_another_machine_is_named() {
        let error = checked("f", image("sparc", &["/f"], &[])).unwrap_err().to_string();
        assert!(error.starts_with("the image f is for linux/sparc; expected linux/"), "{error}");
    }
}
