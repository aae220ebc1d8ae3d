# Written from template.yaml by release/terraform.py; change that one.

# Each alarm watches every instance of the region that publishes its metric. The
# alarms have no actions: EventBridge carries each change of state to a function.
# When an instance stops publishing, its state becomes OK, whatever is said here of
# missing data; the functions do not take that for a recovery.
# docs/cloudwatch-agent.json publishes what those about memory, disks and services read.
resource "aws_cloudwatch_metric_alarm" "high_cpu_fleet_alarm" {
  count               = local.has_fleet_alarms ? 1 : 0
  alarm_name          = "${var.name}-high-cpu-fleet-alarm"
  alarm_description   = "An instance has been using its processors almost fully."
  evaluation_periods  = var.high_cpu_periods
  threshold           = var.high_cpu_percent
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "cpu"
    expression  = "SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\", InstanceId) GROUP BY InstanceId ORDER BY AVG() DESC"
    period      = var.high_cpu_period_seconds
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "memory_pressure_fleet_alarm" {
  count               = local.has_fleet_alarms ? 1 : 0
  alarm_name          = "${var.name}-memory-pressure-fleet-alarm"
  alarm_description   = "An instance has been using almost all of its memory."
  evaluation_periods  = var.memory_pressure_minutes
  threshold           = var.memory_pressure_percent
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "memory"
    expression  = "SELECT MAX(mem_used_percent) FROM \"CWAgent\" GROUP BY InstanceId ORDER BY MAX() DESC"
    period      = 60
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "disk_full_fleet_alarm" {
  count               = local.has_fleet_alarms ? 1 : 0
  alarm_name          = "${var.name}-disk-full-fleet-alarm"
  alarm_description   = "A file system of an instance has been almost full."
  evaluation_periods  = var.disk_full_minutes
  threshold           = var.disk_full_percent
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "disk"
    expression  = "SELECT MAX(disk_used_percent) FROM \"CWAgent\" WHERE \"fstype\" != 'squashfs' AND \"fstype\" != 'iso9660' AND \"fstype\" != 'erofs' AND \"fstype\" != 'cramfs' AND \"fstype\" != 'overlay' AND \"fstype\" != 'tmpfs' AND \"fstype\" != 'devtmpfs' AND \"fstype\" != 'nfs' AND \"fstype\" != 'nfs4' AND \"fstype\" != 'cifs' GROUP BY InstanceId, \"path\" ORDER BY MAX() DESC"
    period      = 60
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "unreachable_fleet_alarm" {
  count               = local.has_fleet_alarms ? 1 : 0
  alarm_name          = "${var.name}-unreachable-fleet-alarm"
  alarm_description   = "EC2's status checks of an instance, its host or its volumes have been failing."
  evaluation_periods  = var.unreachable_minutes
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "checks"
    expression  = "SELECT MAX(StatusCheckFailed) FROM SCHEMA(\"AWS/EC2\", InstanceId) GROUP BY InstanceId ORDER BY MAX() DESC"
    period      = 60
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "service_down_fleet_alarm" {
  count               = local.has_fleet_alarms ? 1 : 0
  alarm_name          = "${var.name}-service-down-fleet-alarm"
  alarm_description   = "No process of a watched service has been left on an instance."
  evaluation_periods  = var.service_down_minutes
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "processes"
    expression  = "SELECT MIN(procstat_lookup_pid_count) FROM \"CWAgent\" GROUP BY InstanceId ORDER BY MIN() ASC"
    period      = 60
    return_data = true
  }
}

# Those who hear of instances also hear when Remedy itself fails. CloudWatch tells
# them, because a function that does not run cannot. TopicsPolicy lets these alarms in.
resource "aws_cloudwatch_metric_alarm" "dead_letters_alarm" {
  alarm_name          = "${var.name}-dead-letters-alarm"
  alarm_description   = "Events that no function could answer are waiting in the dead letters queue. Read them there (docs/operations.md says how), mend what was wrong, and delete them."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
  ok_actions          = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
}

# Longer than a message that has no answer waits for its second try.
resource "aws_cloudwatch_metric_alarm" "alarms_wait_alarm" {
  alarm_name          = "${var.name}-alarms-wait-alarm"
  alarm_description   = "Alarms have been waiting in their queue for ten minutes, and nothing is done about an alarm that is older than 15. Look at the intake function, its errors and its throttles, and at the event source mapping of its queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.alarm_queue.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 600
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
  ok_actions          = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
}

# Goes off when five beats in a row are missing or failed. Missing data counts as
# a breach, so that a follow-up that never ran is noticed; the first minutes of a
# new deployment may therefore set it off once.
resource "aws_cloudwatch_metric_alarm" "heartbeat_alarm" {
  alarm_name          = "${var.name}-heartbeat-alarm"
  alarm_description   = "The follow-up has not completed a beat for five minutes, so no incident is being looked at. Look at its rule, its errors and its log."
  namespace           = "Remedy/${var.name}"
  metric_name         = "Heartbeats"
  dimensions          = { function = "follow-up" }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
  ok_actions          = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
}

resource "aws_cloudwatch_metric_alarm" "errors_alarm" {
  alarm_name          = "${var.name}-errors-alarm"
  alarm_description   = "A function failed. UnreadableEvent, LedgerUnreachable and LedgerContended are in its log with the reason, and the event is tried again, then kept in the dead letters."
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
  ok_actions          = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])

  metric_query {
    id          = "sum"
    expression  = "SUM(METRICS())"
    label       = "Errors of all functions"
    return_data = true
  }

  metric_query {
    id          = "m1"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.high_cpu_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m2"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions = {
        FunctionName = aws_lambda_function.memory_pressure_function.function_name
      }
      stat   = "Sum"
      period = 300
    }
  }

  metric_query {
    id          = "m3"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.disk_full_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m4"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.follow_up_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m5"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.unreachable_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m6"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.service_down_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m7"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.intake_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "throttles_alarm" {
  alarm_name          = "${var.name}-throttles-alarm"
  alarm_description   = "Lambda had no room to run a function. Raise the account's concurrency, or reserve some with ReservedConcurrency."
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
  ok_actions          = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])

  metric_query {
    id          = "sum"
    expression  = "SUM(METRICS())"
    label       = "Throttles of all functions"
    return_data = true
  }

  metric_query {
    id          = "m1"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.high_cpu_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m2"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions = {
        FunctionName = aws_lambda_function.memory_pressure_function.function_name
      }
      stat   = "Sum"
      period = 300
    }
  }

  metric_query {
    id          = "m3"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.disk_full_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m4"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.follow_up_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m5"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.unreachable_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m6"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.service_down_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m7"
    return_data = false

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.intake_function.function_name }
      stat        = "Sum"
      period      = 300
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "notifications_failed_alarm" {
  alarm_name          = "${var.name}-notifications-failed-alarm"
  alarm_description   = "A message of Remedy did not reach people, or did not reach the chat. Its log has the message under \"report\", and why SNS did not take it."
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
  ok_actions          = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])

  metric_query {
    id          = "sum"
    expression  = "SUM(METRICS())"
    label       = "NotificationsFailed of all functions"
    return_data = true
  }

  metric_query {
    id          = "m1"
    return_data = false

    metric {
      namespace   = "Remedy/${var.name}"
      metric_name = "NotificationsFailed"
      dimensions  = { function = "high-cpu" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m2"
    return_data = false

    metric {
      namespace   = "Remedy/${var.name}"
      metric_name = "NotificationsFailed"
      dimensions  = { function = "memory-pressure" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m3"
    return_data = false

    metric {
      namespace   = "Remedy/${var.name}"
      metric_name = "NotificationsFailed"
      dimensions  = { function = "disk-full" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m4"
    return_data = false

    metric {
      namespace   = "Remedy/${var.name}"
      metric_name = "NotificationsFailed"
      dimensions  = { function = "follow-up" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m5"
    return_data = false

    metric {
      namespace   = "Remedy/${var.name}"
      metric_name = "NotificationsFailed"
      dimensions  = { function = "unreachable" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m6"
    return_data = false

    metric {
      namespace   = "Remedy/${var.name}"
      metric_name = "NotificationsFailed"
      dimensions  = { function = "service-down" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id          = "m7"
    return_data = false

    metric {
      namespace   = "Remedy/${var.name}"
      metric_name = "NotificationsFailed"
      dimensions  = { function = "intake" }
      stat        = "Sum"
      period      = 300
    }
  }
}

# A call that fails once is made again by the next beat. An incident that stays due
# is followed up by nobody, and its instance may be in Standby.
resource "aws_cloudwatch_metric_alarm" "incidents_stuck_alarm" {
  alarm_name          = "${var.name}-incidents-stuck-alarm"
  alarm_description   = "Incidents are due and stay so, because they cannot be looked at, written down or read. The log of the follow-up names the call."
  namespace           = "Remedy/${var.name}"
  metric_name         = "IncidentsStuck"
  dimensions          = { function = "follow-up" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 15
  datapoints_to_alarm = 10
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
  ok_actions          = concat([aws_sns_topic.notifications.arn], local.has_chat_topic ? [aws_sns_topic.chat_notifications[0].arn] : [])
}

resource "aws_cloudwatch_dashboard" "dashboard" {
  dashboard_name = "${var.name}-${local.region}"
  dashboard_body = <<EOT
{"widgets": [
  {"type": "alarm", "x": 0, "y": 0, "width": 24, "height": 2, "properties": {
    "title": "Alarms on Remedy itself",
    "alarms": ["${aws_cloudwatch_metric_alarm.dead_letters_alarm.arn}", "${aws_cloudwatch_metric_alarm.alarms_wait_alarm.arn}", "${aws_cloudwatch_metric_alarm.heartbeat_alarm.arn}", "${aws_cloudwatch_metric_alarm.errors_alarm.arn}", "${aws_cloudwatch_metric_alarm.throttles_alarm.arn}", "${aws_cloudwatch_metric_alarm.notifications_failed_alarm.arn}", "${aws_cloudwatch_metric_alarm.incidents_stuck_alarm.arn}"]
  }},
  {"type": "metric", "x": 0, "y": 2, "width": 8, "height": 6, "properties": {
    "title": "Incidents opened, by symptom",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",symptom} MetricName=\"Incidents\"', 'Sum', 300)", "id": "e1", "label": ""}]
    ]
  }},
  {"type": "metric", "x": 8, "y": 2, "width": 8, "height": 6, "properties": {
    "title": "Actions begun, by rung",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",rung} MetricName=\"Actions\"', 'Sum', 300)", "id": "e1", "label": ""}]
    ]
  }},
  {"type": "metric", "x": 16, "y": 2, "width": 8, "height": 6, "properties": {
    "title": "How incidents ended",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",end} MetricName=\"IncidentsEnded\"', 'Sum', 300)", "id": "e1", "label": ""}]
    ]
  }},
  {"type": "metric", "x": 0, "y": 8, "width": 8, "height": 6, "properties": {
    "title": "Why nothing was done, by reason",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",reason} MetricName=\"Refusals\"', 'Sum', 300)", "id": "e1", "label": ""}]
    ]
  }},
  {"type": "metric", "x": 8, "y": 8, "width": 8, "height": 6, "properties": {
    "title": "Seconds from alarm to recovery (90 %)",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",symptom} MetricName=\"TimeToRecover\"', 'p90', 300)", "id": "e1", "label": ""}]
    ]
  }},
  {"type": "metric", "x": 16, "y": 8, "width": 8, "height": 6, "properties": {
    "title": "Did it last? Symptoms that came back, by the rung tried before",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",rung} MetricName=\"CameBackWithin1h\"', 'Sum', 300)", "id": "e1", "label": ""}],
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",rung} MetricName=\"CameBackWithin24h\"', 'Sum', 300)", "id": "e2", "label": ""}]
    ]
  }},
  {"type": "metric", "x": 0, "y": 14, "width": 8, "height": 6, "properties": {
    "title": "Follow-up: beats, and seconds behind",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      ["Remedy/${var.name}", "Heartbeats", "function", "follow-up", {"stat": "Sum", "label": "Heartbeats"}],
      ["Remedy/${var.name}", "FollowUpLag", "function", "follow-up", {"stat": "Maximum", "label": "FollowUpLag"}]
    ]
  }},
  {"type": "metric", "x": 8, "y": 14, "width": 8, "height": 6, "properties": {
    "title": "Follow-up: incidents held back, and left due",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      ["Remedy/${var.name}", "IncidentsHeld", "function", "follow-up", {"stat": "Maximum", "label": "IncidentsHeld"}],
      ["Remedy/${var.name}", "IncidentsStuck", "function", "follow-up", {"stat": "Maximum", "label": "IncidentsStuck"}]
    ]
  }},
  {"type": "metric", "x": 16, "y": 14, "width": 8, "height": 6, "properties": {
    "title": "Not read, not written, not told",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",function} MetricName=\"UnreadableEvents\"', 'Sum', 300)", "id": "e1", "label": ""}],
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",function} MetricName=\"LedgerUnreachable\"', 'Sum', 300)", "id": "e2", "label": ""}],
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",function} MetricName=\"LedgerContended\"', 'Sum', 300)", "id": "e9", "label": ""}],
      [{"expression": "SEARCH('{\"Remedy/${var.name}\",function} MetricName=\"NotificationsFailed\"', 'Sum', 300)", "id": "e3", "label": ""}]
    ]
  }},
  {"type": "metric", "x": 0, "y": 20, "width": 8, "height": 6, "properties": {
    "title": "Errors and throttles",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.high_cpu_function.function_name}", {"stat": "Sum", "label": "Errors high-cpu"}],
      ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.memory_pressure_function.function_name}", {"stat": "Sum", "label": "Errors memory-pressure"}],
      ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.disk_full_function.function_name}", {"stat": "Sum", "label": "Errors disk-full"}],
      ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.unreachable_function.function_name}", {"stat": "Sum", "label": "Errors unreachable"}],
      ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.service_down_function.function_name}", {"stat": "Sum", "label": "Errors service-down"}],
      ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.intake_function.function_name}", {"stat": "Sum", "label": "Errors intake"}],
      ["AWS/Lambda", "Errors", "FunctionName", "${aws_lambda_function.follow_up_function.function_name}", {"stat": "Sum", "label": "Errors follow-up"}],
      ["AWS/Lambda", "Throttles", "FunctionName", "${aws_lambda_function.high_cpu_function.function_name}", {"stat": "Sum", "label": "Throttles high-cpu"}],
      ["AWS/Lambda", "Throttles", "FunctionName", "${aws_lambda_function.memory_pressure_function.function_name}", {"stat": "Sum", "label": "Throttles memory-pressure"}],
      ["AWS/Lambda", "Throttles", "FunctionName", "${aws_lambda_function.disk_full_function.function_name}", {"stat": "Sum", "label": "Throttles disk-full"}],
      ["AWS/Lambda", "Throttles", "FunctionName", "${aws_lambda_function.unreachable_function.function_name}", {"stat": "Sum", "label": "Throttles unreachable"}],
      ["AWS/Lambda", "Throttles", "FunctionName", "${aws_lambda_function.service_down_function.function_name}", {"stat": "Sum", "label": "Throttles service-down"}],
      ["AWS/Lambda", "Throttles", "FunctionName", "${aws_lambda_function.intake_function.function_name}", {"stat": "Sum", "label": "Throttles intake"}],
      ["AWS/Lambda", "Throttles", "FunctionName", "${aws_lambda_function.follow_up_function.function_name}", {"stat": "Sum", "label": "Throttles follow-up"}]
    ]
  }},
  {"type": "metric", "x": 8, "y": 20, "width": 8, "height": 6, "properties": {
    "title": "Duration in milliseconds (99 %)",
    "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300,
    "metrics": [
      ["AWS/Lambda", "Duration", "FunctionName", "${aws_lambda_function.high_cpu_function.function_name}", {"stat": "p99", "label": "Duration high-cpu"}],
      ["AWS/Lambda", "Duration", "FunctionName", "${aws_lambda_function.memory_pressure_function.function_name}", {"stat": "p99", "label": "Duration memory-pressure"}],
      ["AWS/Lambda", "Duration", "FunctionName", "${aws_lambda_function.disk_full_function.function_name}", {"stat": "p99", "label": "Duration disk-full"}],
      ["AWS/Lambda", "Duration", "FunctionName", "${aws_lambda_function.unreachable_function.function_name}", {"stat": "p99", "label": "Duration unreachable"}],
      ["AWS/Lambda", "Duration", "FunctionName", "${aws_lambda_function.service_down_function.function_name}", {"stat": "p99", "label": "Duration service-down"}],
      ["AWS/Lambda", "Duration", "FunctionName", "${aws_lambda_function.intake_function.function_name}", {"stat": "p99", "label": "Duration intake"}],
      ["AWS/Lambda", "Duration", "FunctionName", "${aws_lambda_function.follow_up_function.function_name}", {"stat": "p99", "label": "Duration follow-up"}]
    ]
  }},
  {"type": "metric", "x": 16, "y": 20, "width": 8, "height": 6, "properties": {
    "title": "Dead letters, and seconds that alarms wait",
    "region": "${local.region}", "view": "timeSeries", "stat": "Maximum", "period": 300,
    "metrics": [
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${aws_sqs_queue.dead_letters.name}", {"label": "Dead letters"}],
      ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${aws_sqs_queue.alarm_queue.name}", {"label": "Seconds"}]
    ]
  }},
  {"type": "log", "x": 0, "y": 26, "width": 24, "height": 8, "properties": {
    "title": "The last reports, and why",
    "region": "${local.region}",
    "view": "table",
    "query": "SOURCE '${aws_cloudwatch_log_group.high_cpu_logs.name}' | SOURCE '${aws_cloudwatch_log_group.memory_pressure_logs.name}' | SOURCE '${aws_cloudwatch_log_group.disk_full_logs.name}' | SOURCE '${aws_cloudwatch_log_group.unreachable_logs.name}' | SOURCE '${aws_cloudwatch_log_group.service_down_logs.name}' | SOURCE '${aws_cloudwatch_log_group.intake_logs.name}' | SOURCE '${aws_cloudwatch_log_group.follow_up_logs.name}' | fields @timestamp, instance_id, symptom, outcome, rung, because, incident_id | filter message = 'report' | sort @timestamp desc | limit 50"
  }}
]}
EOT
}
