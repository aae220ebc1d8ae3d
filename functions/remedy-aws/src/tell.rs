//! Tells people, through SNS.

use aws_sdk_sns::operation::publish::builders::PublishFluentBuilder;
use aws_sdk_sns::types::MessageAttributeValue;
use futures_util::future;
use lambda_runtime::tracing;
use remedy::model::links::Deployment;
use remedy::model::unknown::CallFailed;
use remedy::ports::tell::Told;
use remedy::ports::tell::{Notification, Tell};

use crate::clients::Aws;
use crate::failure::call_failed;

const CALL: &str = "sns:Publish";

impl Tell for Aws {
    fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    async fn tell(&self, notification: &Notification) -> Told {
        let people = self
            .publish(&self.topic_arn, notification)
            .subject(&notification.subject)
            .message_structure("json")
            .message(notification.message());
        let chat = self
            .chat_topic_arn
            .as_ref()
            .map(|arn| self.publish(arn, notification).message(&notification.chat));
        let (people, chat) = future::join(send(people), async {
            match chat {
                Some(chat) => send(chat).await,
                None => Ok(()),
            }
        })
        .await;
        if let Err(failed) = &people {
            tracing::error!("people were not told: {failed}");
        }
        if let Err(failed) = &chat {
            tracing::error!("the chat was not told: {failed}");
        }
        Told { people, chat }
    }
}

impl Aws {
    fn publish(&self, topic_arn: &str, notification: &Notification) -> PublishFluentBuilder {
        let mut publish = self.sns.publish().topic_arn(topic_arn);
        for (name, value) in &notification.attributes {
            let attribute =
                MessageAttributeValue::builder().data_type("String").string_value(value).build();
            // It has its data type, which is all the builder asks for.
            if let Ok(attribute) = attribute {
                publish = publish.message_attributes(*name, attribute);
            }
        }
        publish
    }
}

async fn send(publish: PublishFluentBuilder) -> Result<(), CallFailed> {
    publish.send().await.map_err(|error| call_failed(CALL, &error))?;
    Ok(())
}
