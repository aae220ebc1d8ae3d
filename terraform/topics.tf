# Written from template.yaml by release/terraform.py; change that one.

resource "aws_sns_topic_subscription" "alarm_topic_subscription" {
  topic_arn      = aws_sns_topic.alarms.arn
  protocol       = "sqs"
  endpoint       = aws_sqs_queue.alarm_queue.arn
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn })
}

# The key that encrypts the topics. It is our own, because CloudWatch cannot publish
# to a topic under AWS's key for SNS: that key's policy does not let it in.
resource "aws_kms_key" "topics_key" {
  description             = "Encrypts the messages in Remedy's topics."
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The account's own IAM policies decide, as for every key. In a key's
      # policy "*" is this key: it cannot be limited further.
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      # Alarms of this account publish to the topics. "*" is this key again,
      # and cannot be limited further.
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
          }
        }
      },
    ]
  })
}

# Alarms that use SNS name this topic as their action.
resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.topics_key.key_id
}

# What people subscribe to.
resource "aws_sns_topic" "notifications" {
  name              = "${var.name}-notifications"
  kms_master_key_id = aws_kms_key.topics_key.key_id
}

resource "aws_sns_topic_subscription" "notify_email_subscription" {
  count     = local.has_notify_email ? 1 : 0
  topic_arn = aws_sns_topic.notifications.arn
  protocol  = "email"
  endpoint  = var.notify_email
}

# What chat channels subscribe to: the same messages, in the form that Amazon
# Q Developer in chat applications understands.
resource "aws_sns_topic" "chat_notifications" {
  count             = local.has_chat_topic ? 1 : 0
  name              = "${var.name}-chat-notifications"
  kms_master_key_id = aws_kms_key.topics_key.key_id
}

resource "aws_sns_topic_policy" "topics_policy_alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Alarms of this account publish, also those on Remedy itself. Anybody
      # else needs a permission of their own. In a topic's policy "*" is that
      # topic: it cannot be limited further.
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
          }
        }
      },
    ]
  })
}

resource "aws_sns_topic_policy" "topics_policy_notifications" {
  arn = aws_sns_topic.notifications.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Alarms of this account publish, also those on Remedy itself. Anybody
      # else needs a permission of their own. In a topic's policy "*" is that
      # topic: it cannot be limited further.
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
          }
        }
      },
    ]
  })
}

resource "aws_sns_topic_policy" "topics_policy_chat_notifications" {
  count = local.has_chat_topic ? 1 : 0
  arn   = aws_sns_topic.chat_notifications[0].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # Alarms of this account publish, also those on Remedy itself. Anybody
      # else needs a permission of their own. In a topic's policy "*" is that
      # topic: it cannot be limited further.
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
          }
        }
      },
    ]
  })
}
