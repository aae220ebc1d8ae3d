//! Tells people, through SNS.

use aws_sdk_sns::types::MessageAttributeValue;
use remedy::facts::Gap;
use remedy::notify::{Notification, Tell};

use crate::clients::Aws;
use crate::failure::gap;

impl Tell for Aws {
    async fn tell(&self, notification: &Notification) -> Result<(), Gap> {
        const CALL: &str = "sns:Publish";
        let mut publish = self
            .sns
            .publish()
            .topic_arn(&self.topic_arn)
            .subject(&notification.subject)
            .message(&notification.text);
        for (name, value) in &notification.attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| Gap { call: CALL, why: error.to_string() })?;
            publish = publish.message_attributes(*name, attribute);
        }
        publish.send().await.map_err(|error| gap(CALL, &error))?;
        Ok(())
    }
}
