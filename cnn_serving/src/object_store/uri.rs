//! The name of an S3 object.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What a bucket's name looks like. Old buckets and other stores allow more than S3 does for new ones.
pub const BUCKET_FORM: &str = "an S3 bucket's name, 3 to 255 of A-Z, a-z, 0-9, `.`, `-` and `_`";
/// What a key looks like.
pub const KEY_FORM: &str = "an S3 object's key, 1 to 1024 bytes without control characters";

const SCHEME: &str = "s3://";
const BUCKET_CHARS: std::ops::RangeInclusive<usize> = 3..=255;
const MAX_KEY_BYTES: usize = 1024;

/// An object in a bucket, written `s3://bucket/key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectUri {
    bucket: String,
    key: String,
}

/// A name that no S3 object has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UriError {
    /// It is not of the form `s3://bucket/key`.
    #[error("it is {0:?}; expected s3://BUCKET/KEY")]
    Form(String),
    /// No bucket has this name.
    #[error("the bucket is {0:?}; expected {BUCKET_FORM}")]
    Bucket(String),
    /// No object has this key.
    #[error("the key is {0:?}; expected {KEY_FORM}")]
    Key(String),
}

impl ObjectUri {
    /// The object `key` in `bucket`.
    ///
    /// # Errors
    /// If no bucket or object has such a name.
    pub fn new(bucket: String, key: String) -> Result<Self, UriError> {
        if !is_bucket(&bucket) {
            Err(UriError::Bucket(bucket))
        } else if !is_key(&key) {
            Err(UriError::Key(key))
        } else {
            Ok(Self { bucket, key })
        }
    }

    /// Whether `text` is meant to name an S3 object.
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The object's key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for ObjectUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let parts = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'));
        let (bucket, key) = parts.ok_or_else(|| UriError::Form(text.to_owned()))?;
        Self::new(bucket.to_owned(), key.to_owned())
    }
}

impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.key)
    }
}

fn is_bucket(name: &str) -> bool {
    BUCKET_CHARS.contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_is_all_that_follows_the_bucket() {
        for (text, bucket, key) in [
            ("s3://my-bucket/image.jpg", "my-bucket", "image.jpg"),
            ("s3://my.bucket/a/b c/ä?#%20.png", "my.bucket", "a/b c/ä?#%20.png"),
            ("s3://Old_Bucket//", "Old_Bucket", "/"),
        ] {
            let uri: ObjectUri = text.parse().unwrap();
            assert_eq!((uri.bucket(), uri.key()), (bucket, key));
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_an_object_is_refused() {
        for text in ["", "s3://", "s3://bucket", "s3:/bucket/key", "S3://bucket/key", "bucket/key"] {
            assert_eq!(text.parse::<ObjectUri>(), Err(UriError::Form(text.to_owned())));
        }
        for bucket in ["", "ab", "-ab", "..", "a/b", "a b", "a@b.com", "bücket", "a:9000", &"a".repeat(256)]
        {
            let error = ObjectUri::new(bucket.to_owned(), "key".to_owned()).unwrap_err();
            assert_eq!(error, UriError::Bucket(bucket.to_owned()));
        }
        for key in ["", "a\nb", "\0", &"ä".repeat(513)] {
            let error = ObjectUri::new("bucket".to_owned(), key.to_owned()).unwrap_err();
            assert_eq!(error, UriError::Key(key.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "(s3://)?\\PC{0,40}") {
            if let Ok(uri) = text.parse::<ObjectUri>() {
                prop_assert_eq!(uri.to_string(), text);
            }
        }
    }
}
