# Written from template.yaml by release/terraform.py; change that one.

# Six times as long as the function may take, and a second for the batch (Lambda developer
# guide, "Using Lambda with Amazon SQS"): nobody else is given what it is at work on. What has
# no answer five times is a dead letter.
resource "aws_sqs_queue" "alarm_queue" {
  name                       = "${var.name}-alarm-queue"
  visibility_timeout_seconds = 361
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "hint_queue" {
  name                       = "${var.name}-hint-queue"
  visibility_timeout_seconds = 361
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue_policy" "alarm_queue_policy_alarm_queue" {
  queue_url = aws_sqs_queue.alarm_queue.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The rules about alarms write here.
      {
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.alarm_queue.arn
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = [
              aws_cloudwatch_event_rule.high_cpu_rule.arn,
              aws_cloudwatch_event_rule.memory_pressure_rule.arn,
              aws_cloudwatch_event_rule.disk_full_rule.arn,
              aws_cloudwatch_event_rule.unreachable_rule.arn,
              aws_cloudwatch_event_rule.service_down_rule.arn,
            ]
          }
        }
      },
      # The alarms' topic does.
      {
        Sid       = "Topic"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.alarm_queue.arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.alarms.arn } }
      },
    ]
  })
}

resource "aws_sqs_queue_policy" "hint_queue_policy_hint_queue" {
  queue_url = aws_sqs_queue.hint_queue.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The rules about hints write here.
      {
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.hint_queue.arn
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = [
              aws_cloudwatch_event_rule.command_ended_rule.arn,
              aws_cloudwatch_event_rule.member_terminated_rule.arn,
            ]
          }
        }
      },
    ]
  })
}

# Events no function could answer: nothing is lost silently.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "dead_letters_policy_dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # EventBridge keeps here what this account's rules could not deliver.
      {
        Sid       = "UndeliveredEvents"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.dead_letters.arn
        Condition = {
          ArnLike = {
            "aws:SourceArn" = "arn:${local.partition}:events:${local.region}:${local.account}:rule/*"
          }
        }
      },
      # SNS keeps here what it could not deliver of the alarms' topic.
      {
        Sid       = "UndeliveredAlarms"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.dead_letters.arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.alarms.arn } }
      },
    ]
  })
}
