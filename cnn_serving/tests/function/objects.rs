//! Objects in S3, as the Lambda function gets them.

use serde_json::{Value, json};

use crate::local_lambda::Local;
use crate::moto;

#[test]
fn a_warm_function_takes_objects_samples_and_failures_in_turn() {
    let local = Local::start(&[("AWS_ENDPOINT_URL_S3", &moto::open().url)]);
    let object = |key: &str| json!({"input_bucket": "pictures", "input_object_key": key});
    for (event, class) in [
        (object("rocket.jpg"), "pole"),
        (json!({}), "Egyptian_cat"),
        (object("cats/chelsea ä+%20.png"), "Egyptian_cat"),
        (json!({"input_object_key": "rocket.jpg"}), "Egyptian_cat"),
    ] {
        let missing = local.invoke(&object("dogs.png")).body;
        assert_eq!(missing["errorType"], "NoSuchKey", "{missing}");
        let answer = local.invoke(&event).body;
        let text = answer.as_str().unwrap_or_else(|| panic!("{event}: {answer}"));
        let inner: Value = serde_json::from_str(text).unwrap();
        assert_eq!(inner["result"][0][0][1], class, "{event}");
    }
}
