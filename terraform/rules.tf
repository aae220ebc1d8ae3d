# Written from template.yaml by release/terraform.py; change that one.

resource "aws_cloudwatch_event_rule" "high_cpu_function_alarm" {
  name = "${var.name}-high-cpu-function-alarm"
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

resource "aws_cloudwatch_event_target" "high_cpu_function_alarm_target" {
  rule      = aws_cloudwatch_event_rule.high_cpu_function_alarm.name
  target_id = "HighCpuFunctionAlarmLambdaTarget"
  arn       = aws_lambda_function.high_cpu_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_cloudwatch_event_rule" "memory_pressure_function_alarm" {
  name = "${var.name}-memory-pressure-function-alarm"
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

resource "aws_cloudwatch_event_target" "memory_pressure_function_alarm_target" {
  rule      = aws_cloudwatch_event_rule.memory_pressure_function_alarm.name
  target_id = "MemoryPressureFunctionAlarmLambdaTarget"
  arn       = aws_lambda_function.memory_pressure_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_cloudwatch_event_rule" "disk_full_function_alarm" {
  name = "${var.name}-disk-full-function-alarm"
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

resource "aws_cloudwatch_event_target" "disk_full_function_alarm_target" {
  rule      = aws_cloudwatch_event_rule.disk_full_function_alarm.name
  target_id = "DiskFullFunctionAlarmLambdaTarget"
  arn       = aws_lambda_function.disk_full_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_cloudwatch_event_rule" "unreachable_function_alarm" {
  name = "${var.name}-unreachable-function-alarm"
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

resource "aws_cloudwatch_event_target" "unreachable_function_alarm_target" {
  rule      = aws_cloudwatch_event_rule.unreachable_function_alarm.name
  target_id = "UnreachableFunctionAlarmLambdaTarget"
  arn       = aws_lambda_function.unreachable_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_cloudwatch_event_rule" "service_down_function_alarm" {
  name = "${var.name}-service-down-function-alarm"
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

resource "aws_cloudwatch_event_target" "service_down_function_alarm_target" {
  rule      = aws_cloudwatch_event_rule.service_down_function_alarm.name
  target_id = "ServiceDownFunctionAlarmLambdaTarget"
  arn       = aws_lambda_function.service_down_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_cloudwatch_event_rule" "follow_up_function_command_ended" {
  name = "${var.name}-follow-up-function-command-ended"
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

resource "aws_cloudwatch_event_target" "follow_up_function_command_ended_target" {
  rule      = aws_cloudwatch_event_rule.follow_up_function_command_ended.name
  target_id = "FollowUpFunctionCommandEndedLambdaTarget"
  arn       = aws_lambda_function.follow_up_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
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

resource "aws_cloudwatch_event_rule" "follow_up_function_member_terminated" {
  name = "${var.name}-follow-up-function-member-terminated"
  event_pattern = jsonencode({
    source        = ["aws.autoscaling"]
    "detail-type" = ["EC2 Instance Terminate Successful", "EC2 Instance Terminate Unsuccessful"]
  })
}

resource "aws_cloudwatch_event_target" "follow_up_function_member_terminated_target" {
  rule      = aws_cloudwatch_event_rule.follow_up_function_member_terminated.name
  target_id = "FollowUpFunctionMemberTerminatedLambdaTarget"
  arn       = aws_lambda_function.follow_up_function.arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}
