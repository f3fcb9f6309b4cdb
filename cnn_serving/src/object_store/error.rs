//! Why an object could not be fetched, in messages that include what to do about it.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use function_core::FunctionError;
use function_core::error::with_causes;
use thiserror::Error;

use super::uri::ObjectUri;
use crate::image::{ImageError, MAX_FILE_BYTES};

/// There is no such bucket.
pub const NO_SUCH_BUCKET: &str = "NoSuchBucket";
/// The bucket has no such object.
pub const NO_SUCH_KEY: &str = "NoSuchKey";
/// There are no credentials, or they do not permit reading the object.
pub const ACCESS_DENIED: &str = "AccessDenied";
/// The bucket is in another region than the configured one.
pub const WRONG_REGION: &str = "WrongRegion";
/// The object is longer than a picture may be.
pub const OBJECT_TOO_LARGE: &str = "ObjectTooLarge";
/// The object is not a picture that can be classified.
pub const NOT_AN_IMAGE: &str = "NotAnImage";
/// S3 took too long.
pub const FETCH_TIMED_OUT: &str = "FetchTimedOut";
/// S3 could not be reached, or answered with another error.
pub const FETCH_FAILED: &str = "FetchFailed";

/// S3's error codes for credentials that are not valid at all, as opposed to a lack of permission.
const CREDENTIAL_CODES: [&str; 5] =
    ["ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired"];

/// Why a picture in S3 cannot be loaded.
#[derive(Debug, Error)]
#[error("cannot load the image {object}: {problem}")]
pub struct ObjectError {
    object: ObjectUri,
    problem: Box<Problem>,
}

impl ObjectError {
    pub(super) fn new(object: &ObjectUri, problem: Problem) -> Self {
        Self { object: object.clone(), problem: Box::new(problem) }
    }
}

impl From<ObjectError> for FunctionError {
    fn from(error: ObjectError) -> Self {
        Self { error_type: error.problem.error_type(), message: error.to_string() }
    }
}

/// What S3 answered instead of the object, as one line.
#[derive(Debug, Error)]
#[error("HTTP status {status}{}", self.said())]
pub(super) struct Refusal {
    status: u16,
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Error)]
pub(super) enum Problem {
    #[error("no AWS region is configured; set AWS_REGION, or add a region to the profile")]
    NoRegion,
    #[error("there are no AWS credentials; sign in, set AWS_PROFILE, or give the function a role ({0})")]
    NoCredentials(String),
    #[error("S3 does not accept the credentials ({0}); sign in again, or check the keys")]
    Credentials(Refusal),
    #[error("this machine's clock differs from that of S3 ({0}); correct the clock")]
    Clock(Refusal),
    #[error(
        "access is denied ({0}); s3:GetObject on it is needed, and s3:ListBucket on its bucket for S3 to tell if there \
         is such an object at all"
    )]
    AccessDenied(Refusal),
    #[error("there is no such bucket; check its name, and AWS_ENDPOINT_URL_S3 if it is set")]
    NoSuchBucket,
    #[error("the bucket has no such object; check the key, which is case-sensitive")]
    NoSuchKey,
    #[error("the bucket is in {0}; set AWS_REGION to that, or use a bucket of the configured region")]
    OtherRegion(String),
    #[error("the object is longer than {MAX_FILE_BYTES} bytes; expected a smaller image")]
    TooLarge,
    #[error("{0}")]
    NotAnImage(#[from] ImageError),
    #[error("it took longer than {} s; check the network, or raise CNN_SERVING_S3_TIMEOUT", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("S3 took too long: {0}; check the network, or raise CNN_SERVING_S3_TIMEOUT")]
    NoAnswer(String),
    #[error("S3 answered with {0}")]
    Refused(Refusal),
    #[error("{0}; check the network and AWS_ENDPOINT_URL_S3, then try again")]
    Transport(String),
}

impl Problem {
    fn error_type(&self) -> &'static str {
        match self {
            Self::NoCredentials(_) | Self::Credentials(_) | Self::AccessDenied(_) => ACCESS_DENIED,
            Self::NoSuchBucket => NO_SUCH_BUCKET,
            Self::NoSuchKey => NO_SUCH_KEY,
            Self::OtherRegion(_) => WRONG_REGION,
            Self::TooLarge => OBJECT_TOO_LARGE,
            Self::NotAnImage(_) => NOT_AN_IMAGE,
            Self::TimedOut(_) | Self::NoAnswer(_) => FETCH_TIMED_OUT,
            Self::NoRegion | Self::Clock(_) | Self::Refused(_) | Self::Transport(_) => FETCH_FAILED,
        }
    }
}

impl From<SdkError<GetObjectError>> for Problem {
    fn from(error: SdkError<GetObjectError>) -> Self {
        match &error {
            SdkError::ServiceError(_) => refused(&error),
            SdkError::TimeoutError(_) => Self::NoAnswer(with_causes(&error)),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::NoAnswer(with_causes(&error)),
            _ => match credentials_error(&error) {
                Some(error) => Self::NoCredentials(one_line(&with_causes(error))),
                None => Self::Transport(with_causes(&error)),
            },
        }
    }
}

/// The SDK lists the sources of credentials on separate lines.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

fn credentials_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CredentialsError> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

/// An answer of S3 that is not the object.
fn refused(error: &SdkError<GetObjectError>) -> Problem {
    let header = |name| error.raw_response().and_then(|answer| answer.headers().get(name)).map(str::to_owned);
    let refusal = Refusal {
        status: error.raw_response().map_or(0, |answer| answer.status().as_u16()),
        code: error.code().map(str::to_owned),
        message: error.message().map(str::to_owned),
    };
    match (refusal.status, error.code().unwrap_or_default()) {
        (_, "NoSuchBucket") => Problem::NoSuchBucket,
        (_, "NoSuchKey") => Problem::NoSuchKey,
        (301 | 307, _) | (_, "AuthorizationHeaderMalformed") => Problem::OtherRegion(
            header("x-amz-bucket-region").unwrap_or_else(|| format!("another region ({refusal})")),
        ),
        (_, "RequestTimeTooSkewed") => Problem::Clock(refusal),
        (_, code) if CREDENTIAL_CODES.contains(&code) => Problem::Credentials(refusal),
        // An archived object is answered with 403 as well, but it is not a matter of permission.
        (403, code) if code != "InvalidObjectState" => Problem::AccessDenied(refusal),
        _ => Problem::Refused(refusal),
    }
}

impl Refusal {
    fn said(&self) -> String {
        let parts = [&self.code, &self.message];
        parts.into_iter().flatten().map(|part| format!(": {part}")).collect()
    }
}
