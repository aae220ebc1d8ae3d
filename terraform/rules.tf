# Written from template.yaml by release/terraform.py; change that one.

# Alarms about this symptom's metrics. What no pattern can tell, such as the direction, the
# program does.
resource "aws_cloudwatch_event_rule" "high_cpu_rule" {
  name = "${var.name}-high-cpu-rule"
  event_pattern = jsonencode({
    source        = ["aws.cloudwatch"]
    "detail-type" = ["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"]
    detail = {
      state = { value = ["ALARM", "OK"] }
      "$or" = [
        {
          configuration = {
            metrics = {
              metricStat = {
                metric = {
                  name = [
                    "CPUUtilization",
                    "cpu_usage_active",
                    "cpu_usage_idle",
                    "Processor % Processor Time",
                    "Processor % Idle Time",
                  ]
                }
              }
            }
          }
        },
        {
          configuration = {
            metrics = {
              expression = [{ wildcard = "*CPUUtilization*" }, { wildcard = "*cpu_usage_*" }]
            }
          }
        },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "high_cpu_rule_target" {
  rule      = aws_cloudwatch_event_rule.high_cpu_rule.name
  target_id = "alarms"
  arn       = aws_sqs_queue.alarm_queue.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

# Alarms about this symptom's metrics. What no pattern can tell, such as the direction, the
# program does.
resource "aws_cloudwatch_event_rule" "memory_pressure_rule" {
  name = "${var.name}-memory-pressure-rule"
  event_pattern = jsonencode({
    source        = ["aws.cloudwatch"]
    "detail-type" = ["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"]
    detail = {
      state = { value = ["ALARM", "OK"] }
      "$or" = [
        {
          configuration = {
            metrics = {
              metricStat = {
                metric = {
                  name = [
                    "mem_used_percent",
                    "mem_used",
                    "mem_available_percent",
                    "mem_available",
                    "swap_used_percent",
                    "MemoryUtilization",
                    "SwapUtilization",
                    "Memory % Committed Bytes In Use",
                    "Memory Available Bytes",
                    "Memory Available KBytes",
                    "Memory Available MBytes",
                    "Paging File % Usage",
                  ]
                }
              }
            }
          }
        },
        {
          configuration = {
            metrics = {
              expression = [{ wildcard = "*mem_*" }, { wildcard = "*swap_used_percent*" }]
            }
          }
        },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "memory_pressure_rule_target" {
  rule      = aws_cloudwatch_event_rule.memory_pressure_rule.name
  target_id = "alarms"
  arn       = aws_sqs_queue.alarm_queue.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

# Alarms about this symptom's metrics. What no pattern can tell, such as the direction, the
# program does.
resource "aws_cloudwatch_event_rule" "disk_full_rule" {
  name = "${var.name}-disk-full-rule"
  event_pattern = jsonencode({
    source        = ["aws.cloudwatch"]
    "detail-type" = ["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"]
    detail = {
      state = { value = ["ALARM", "OK"] }
      "$or" = [
        {
          configuration = {
            metrics = {
              metricStat = {
                metric = {
                  name = [
                    "disk_used_percent",
                    "disk_inodes_free",
                    "disk_inodes_used",
                    "disk_free",
                    "disk_used",
                    "DiskSpaceUtilization",
                    "LogicalDisk % Free Space",
                    "LogicalDisk Free Megabytes",
                  ]
                }
              }
            }
          }
        },
        {
          configuration = { metrics = { expression = [{ wildcard = "*disk_*" }] } }
        },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "disk_full_rule_target" {
  rule      = aws_cloudwatch_event_rule.disk_full_rule.name
  target_id = "alarms"
  arn       = aws_sqs_queue.alarm_queue.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

# Alarms about this symptom's metrics. What no pattern can tell, such as the direction, the
# program does.
resource "aws_cloudwatch_event_rule" "unreachable_rule" {
  name = "${var.name}-unreachable-rule"
  event_pattern = jsonencode({
    source        = ["aws.cloudwatch"]
    "detail-type" = ["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"]
    detail = {
      state = { value = ["ALARM", "OK"] }
      "$or" = [
        {
          configuration = {
            metrics = {
              metricStat = {
                metric = {
                  name = [
                    "StatusCheckFailed",
                    "StatusCheckFailed_Instance",
                    "StatusCheckFailed_System",
                    "StatusCheckFailed_AttachedEBS",
                  ]
                }
              }
            }
          }
        },
        {
          configuration = { metrics = { expression = [{ wildcard = "*StatusCheckFailed*" }] } }
        },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "unreachable_rule_target" {
  rule      = aws_cloudwatch_event_rule.unreachable_rule.name
  target_id = "alarms"
  arn       = aws_sqs_queue.alarm_queue.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

# Alarms about this symptom's metrics. What no pattern can tell, such as the direction, the
# program does.
resource "aws_cloudwatch_event_rule" "service_down_rule" {
  name = "${var.name}-service-down-rule"
  event_pattern = jsonencode({
    source        = ["aws.cloudwatch"]
    "detail-type" = ["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"]
    detail = {
      state = { value = ["ALARM", "OK"] }
      "$or" = [
        {
          configuration = {
            metrics = {
              metricStat = {
                metric = { name = ["procstat_lookup_pid_count", "procstat_lookup pid_count"] }
              }
            }
          }
        },
        {
          configuration = { metrics = { expression = [{ wildcard = "*procstat_lookup*" }] } }
        },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "service_down_rule_target" {
  rule      = aws_cloudwatch_event_rule.service_down_rule.name
  target_id = "alarms"
  arn       = aws_sqs_queue.alarm_queue.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_cloudwatch_event_rule" "follow_up_function_heartbeat" {
  name                = "${var.name}-follow-up-function-heartbeat"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "follow_up_function_heartbeat_target" {
  rule      = aws_cloudwatch_event_rule.follow_up_function_heartbeat.name
  target_id = "FollowUpFunctionHeartbeatLambdaTarget"
  arn       = aws_lambda_function.follow_up_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

# Both only have it look sooner: AWS does not promise to deliver these events.
resource "aws_cloudwatch_event_rule" "command_ended_rule" {
  name = "${var.name}-command-ended-rule"
  event_pattern = jsonencode({
    source        = ["aws.ssm"]
    "detail-type" = ["EC2 Command Invocation Status-change Notification"]
    detail = {
      status = ["Success", "TimedOut", "Canceled", "Cancelled", "Failed"]
      "document-name" = [
        aws_ssm_document.high_cpu_document.name,
        aws_ssm_document.memory_pressure_document.name,
        aws_ssm_document.disk_full_document.name,
        aws_ssm_document.service_down_document.name,
        aws_ssm_document.disk_grow_document.name,
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "command_ended_rule_target" {
  rule      = aws_cloudwatch_event_rule.command_ended_rule.name
  target_id = "hints"
  arn       = aws_sqs_queue.hint_queue.arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

# This event names the member that is gone. The launch of its substitute has no rule,
# because no incident knows the substitute's id.
resource "aws_cloudwatch_event_rule" "member_terminated_rule" {
  name = "${var.name}-member-terminated-rule"
  event_pattern = jsonencode({
    source        = ["aws.autoscaling"]
    "detail-type" = ["EC2 Instance Terminate Successful", "EC2 Instance Terminate Unsuccessful"]
  })
}

resource "aws_cloudwatch_event_target" "member_terminated_rule_target" {
  rule      = aws_cloudwatch_event_rule.member_terminated_rule.name
  target_id = "hints"
  arn       = aws_sqs_queue.hint_queue.arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}
