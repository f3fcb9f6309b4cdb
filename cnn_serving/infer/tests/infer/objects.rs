//! Pictures in S3: the real programs against moto's S3, and against servers that misbehave.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cnn_serving::settings::{ASSETS, S3_TIMEOUT};
use serde_json::Value;

use crate::{common, moto, stub};

/// Far beyond what any of these runs may take, so that a hang fails instead of lasting.
const HANG: Duration = Duration::from_secs(120);

/// `infer` for a user who is signed in, in an environment that holds nothing else.
fn infer(url: &str) -> Command {
    let mut command = signed_out();
    command.env("AWS_ENDPOINT_URL", url).env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    command
}

fn signed_out() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.env_clear().env(ASSETS, common::assets_folder()).env("HOME", env!("CARGO_TARGET_TMPDIR"));
    // There is no metadata service where tests run, or it is none of theirs.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn run(command: &mut Command) -> Output {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + HANG;
    while process.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            process.kill().unwrap();
            panic!("{command:?} hung: {:?}", process.wait_with_output().unwrap());
        }
        thread::sleep(Duration::from_millis(5));
    }
    process.wait_with_output().unwrap()
}

/// What `command` prints as JSON.
fn json(command: &mut Command) -> Value {
    let output = run(command.arg("--json"));
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The event as `infer` answers it, which is how the Lambda function does, with its error's type.
fn event_error(command: &mut Command, key: &str) -> String {
    let event = format!(r#"{{"input_bucket": "pictures", "input_object_key": "{key}"}}"#);
    error(command.args(["--event", &event]))
}

/// What `command`, which has to fail, says.
fn error(command: &mut Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text.trim_end().to_owned()
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(common::assets_folder().join("images").join(name)).unwrap()
}

mod found {
    use super::*;

    const CAT: &str = "s3://pictures/cats/chelsea ä+%20.png";

    #[test]
    fn an_object_is_classified_as_the_same_file_is() {
        let file = common::assets_folder().join("images/chelsea.png");
        let outcomes = json(infer(&moto::open().url).args([CAT, file.to_str().unwrap()]));
        assert_eq!(outcomes[0]["image"], CAT);
        assert_eq!(outcomes[0]["predictions"][0]["name"], "Egyptian_cat");
        assert_eq!(outcomes[0]["predictions"], outcomes[1]["predictions"]);
    }

    #[test]
    fn an_event_with_bucket_and_key_is_answered_like_one_for_the_sample() {
        let answer = |event: &str| json(infer(&moto::open().url).args(["--event", event]));
        let object = answer(r#"{"input_bucket": "pictures", "input_object_key": "rocket.jpg"}"#);
        let sample = answer(r#"{"input_file_seq": 3}"#);
        assert_eq!(object["result"][0][0][1], "pole");
        assert_eq!(object["result"], sample["result"]);
        assert!(object["latency"].is_f64());
    }

    #[test]
    fn a_profile_says_where_and_who() {
        let home = tempfile::tempdir().unwrap();
        let config = format!(
            "[profile work]\nregion = eu-west-1\nendpoint_url = {}\naws_access_key_id = key\naws_secret_access_key = secret\n",
            moto::open().url
        );
        fs::write(home.path().join("config"), config).unwrap();
        let mut command = signed_out();
        command.env("AWS_CONFIG_FILE", home.path().join("config")).env("AWS_PROFILE", "work");
        assert_eq!(json(command.arg(CAT))[0]["predictions"][0]["name"], "Egyptian_cat");
    }

    #[test]
    fn a_host_name_is_asked_by_path() {
        let url = moto::open().url.replace("127.0.0.1", "localhost");
        let mut command = infer("http://127.0.0.1:1");
        command.env("AWS_ENDPOINT_URL_S3", url);
        assert_eq!(json(command.arg(CAT))[0]["predictions"][0]["name"], "Egyptian_cat");
    }

    #[test]
    fn a_connection_that_was_closed_meanwhile_is_no_error() {
        let url = stub::answering(stub::object(&sample("coffee.png")));
        let outcomes = json(infer(&url).args(["s3://pictures/a", "s3://pictures/b", "s3://pictures/c"]));
        for outcome in outcomes.as_array().unwrap() {
            assert_eq!(outcome["predictions"][0]["name"], "espresso");
        }
    }
}

mod refused_by_s3 {
    use super::*;

    #[test]
    fn missing_object() {
        insta::assert_snapshot!(event_error(&mut infer(&moto::open().url), "dogs.png"), @"infer: NoSuchKey: cannot load the image s3://pictures/dogs.png: the bucket has no such object; check the key, which is case-sensitive");
    }

    #[test]
    fn missing_bucket() {
        insta::assert_snapshot!(error(infer(&moto::open().url).arg("s3://nowhere/rocket.jpg")), @"infer: cannot load the image s3://nowhere/rocket.jpg: there is no such bucket; check its name, and AWS_ENDPOINT_URL_S3 if it is set");
        let event = r#"{"input_bucket": "nowhere", "input_object_key": "rocket.jpg"}"#;
        insta::assert_snapshot!(error(infer(&moto::open().url).args(["--event", event])), @"infer: NoSuchBucket: cannot load the image s3://nowhere/rocket.jpg: there is no such bucket; check its name, and AWS_ENDPOINT_URL_S3 if it is set");
    }

    #[test]
    fn no_permission() {
        let moto = moto::strict();
        let (key, secret) = moto.nobody.as_ref().unwrap();
        let mut command = infer(&moto.url);
        command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret);
        let message = event_error(&mut command, "rocket.jpg").replace(key, "KEY");
        insta::assert_snapshot!(message, @"infer: AccessDenied: cannot load the image s3://pictures/rocket.jpg: access is denied (HTTP status 403: AccessDenied: Access Denied); s3:GetObject on it is needed, and s3:ListBucket on its bucket for S3 to tell if there is such an object at all");
        insta::assert_snapshot!(event_error(&mut infer(&moto.url), "rocket.jpg"), @"infer: AccessDenied: cannot load the image s3://pictures/rocket.jpg: S3 does not accept the credentials (HTTP status 403: InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.); sign in again, or check the keys");
    }

    #[test]
    fn credentials_that_expired() {
        let url =
            stub::answering(stub::error("400 Bad Request", "", "ExpiredToken", "The token has expired."));
        insta::assert_snapshot!(event_error(&mut infer(&url), "rocket.jpg"), @"infer: AccessDenied: cannot load the image s3://pictures/rocket.jpg: S3 does not accept the credentials (HTTP status 400: ExpiredToken: The token has expired.); sign in again, or check the keys");
    }

    #[test]
    fn a_clock_that_is_wrong() {
        let skewed = stub::error("403 Forbidden", "", "RequestTimeTooSkewed", "The difference is too large.");
        insta::assert_snapshot!(event_error(&mut infer(&stub::answering(skewed)), "rocket.jpg"), @"infer: FetchFailed: cannot load the image s3://pictures/rocket.jpg: this machine's clock differs from that of S3 (HTTP status 403: RequestTimeTooSkewed: The difference is too large.); correct the clock");
    }

    #[test]
    fn another_region() {
        let headers = "x-amz-bucket-region: eu-west-1\r\n";
        let url =
            stub::answering(stub::error("301 Moved Permanently", headers, "PermanentRedirect", "Elsewhere."));
        insta::assert_snapshot!(event_error(&mut infer(&url), "rocket.jpg"), @"infer: WrongRegion: cannot load the image s3://pictures/rocket.jpg: the bucket is in eu-west-1; set AWS_REGION to that, or use a bucket of the configured region");
        let url = stub::answering(stub::error(
            "400 Bad Request",
            "",
            "AuthorizationHeaderMalformed",
            "Expecting eu-west-1.",
        ));
        insta::assert_snapshot!(event_error(&mut infer(&url), "rocket.jpg"), @"infer: WrongRegion: cannot load the image s3://pictures/rocket.jpg: the bucket is in another region (HTTP status 400: AuthorizationHeaderMalformed: Expecting eu-west-1.); set AWS_REGION to that, or use a bucket of the configured region");
    }

    #[test]
    fn other_answers() {
        let archived = stub::error("403 Forbidden", "", "InvalidObjectState", "It is archived.");
        insta::assert_snapshot!(event_error(&mut infer(&stub::answering(archived)), "rocket.jpg"), @"infer: FetchFailed: cannot load the image s3://pictures/rocket.jpg: S3 answered with HTTP status 403: InvalidObjectState: It is archived.");
        let no_s3 = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello".to_vec();
        insta::assert_snapshot!(event_error(&mut infer(&stub::answering(no_s3)), "rocket.jpg"), @"infer: FetchFailed: cannot load the image s3://pictures/rocket.jpg: S3 answered with HTTP status 404");
    }
}

mod not_signed_in {
    use super::*;

    #[test]
    fn no_region() {
        insta::assert_snapshot!(error(signed_out().arg("s3://pictures/rocket.jpg")), @"infer: cannot load the image s3://pictures/rocket.jpg: no AWS region is configured; set AWS_REGION, or add a region to the profile");
    }

    #[test]
    fn no_credentials() {
        let message = event_error(signed_out().env("AWS_REGION", "us-east-1"), "rocket.jpg");
        let expected = "infer: AccessDenied: cannot load the image s3://pictures/rocket.jpg: there are no AWS credentials; \
                        sign in, set AWS_PROFILE, or give the function a role (";
        assert!(message.starts_with(expected) && message.lines().count() == 1, "{message}");
    }

    #[test]
    fn files_need_none() {
        let file = common::assets_folder().join("images/camera.png");
        assert_eq!(json(signed_out().arg(file))[0]["predictions"][0]["name"], "tripod");
    }
}

mod bounds {
    use super::*;

    #[test]
    fn not_an_image() {
        let url = &moto::open().url;
        insta::assert_snapshot!(event_error(&mut infer(url), "text.txt"), @"infer: NotAnImage: cannot load the image s3://pictures/text.txt: it is not an image of a supported format; expected PNG, JPEG, GIF, WebP, BMP, ICO, PNM or QOI");
        insta::assert_snapshot!(event_error(&mut infer(url), "empty"), @"infer: NotAnImage: cannot load the image s3://pictures/empty: it is not an image of a supported format; expected PNG, JPEG, GIF, WebP, BMP, ICO, PNM or QOI");
        let message = event_error(&mut infer(url), "cut.png");
        assert!(
            message.contains("NotAnImage: ") && message.contains("cut.png: it is a broken PNG: "),
            "{message}"
        );
    }

    #[test]
    fn too_large_by_its_stated_length() {
        insta::assert_snapshot!(event_error(&mut infer(&moto::open().url), "long.png"), @"infer: ObjectTooLarge: cannot load the image s3://pictures/long.png: the object is longer than 33554432 bytes; expected a smaller image");
    }

    #[test]
    fn too_large_without_a_stated_length() {
        let url = stub::start(|stream| {
            stub::send(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = [&b"100000\r\n"[..], &[0; 1 << 20], b"\r\n"].concat();
            // Without an end, more than twice the bound.
            for _ in 0..70 {
                stub::send(stream, &chunk);
            }
        });
        assert!(event_error(&mut infer(&url), "a").contains("ObjectTooLarge"));
    }

    #[test]
    fn a_server_that_says_nothing() {
        let url = stub::start(|_| thread::sleep(HANG));
        insta::assert_snapshot!(event_error(infer(&url).env(S3_TIMEOUT, "1"), "a"), @"infer: FetchTimedOut: cannot load the image s3://pictures/a: it took longer than 1 s; check the network, or raise CNN_SERVING_S3_TIMEOUT");
    }

    #[test]
    fn a_server_that_dawdles() {
        let url = stub::start(|stream| {
            stub::send(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
            loop {
                stub::send(stream, b"x");
                thread::sleep(Duration::from_millis(50));
            }
        });
        insta::assert_snapshot!(event_error(infer(&url).env(S3_TIMEOUT, "1"), "a"), @"infer: FetchTimedOut: cannot load the image s3://pictures/a: it took longer than 1 s; check the network, or raise CNN_SERVING_S3_TIMEOUT");
    }

    #[test]
    fn a_server_that_stops_half_way() {
        let url = stub::start(|stream| {
            stub::send(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx");
            thread::sleep(HANG);
        });
        // Longer than the SDK itself would wait for more.
        insta::assert_snapshot!(event_error(infer(&url).env(S3_TIMEOUT, "8"), "a"), @"infer: FetchTimedOut: cannot load the image s3://pictures/a: it took longer than 8 s; check the network, or raise CNN_SERVING_S3_TIMEOUT");
    }

    #[test]
    fn a_body_that_is_cut() {
        let mut answer = stub::object(&sample("rocket.jpg"));
        answer.truncate(answer.len() / 2);
        let message = event_error(&mut infer(&stub::answering(answer)), "a");
        assert!(
            message.contains("FetchFailed: ")
                && message.contains(": the object could not be read to its end: "),
            "{message}"
        );
    }

    #[test]
    fn a_server_that_is_not_there() {
        let message = event_error(&mut infer("http://127.0.0.1:1"), "a");
        assert!(message.contains("FetchFailed: ") && message.contains("Connection refused"), "{message}");
    }
}

#[test]
fn a_uri_without_sense_is_a_usage_error() {
    for uri in ["s3://pictures", "s3://p/rocket.jpg", "s3://pictures/"] {
        let output = run(signed_out().arg(uri));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("; expected "), "{output:?}");
    }
}
