# Written from template.yaml by release/terraform.py; change that one.

resource "aws_lambda_function" "high_cpu_function" {
  function_name                  = "${var.name}-high-cpu"
  description                    = "Answers high-cpu alarms with a cleanup, a reboot or a replacement, or says why not."
  role                           = aws_iam_role.high_cpu_function_role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = "${var.zips}/${var.architecture}/high-cpu.zip"
  source_code_hash               = filebase64sha256("${var.zips}/${var.architecture}/high-cpu.zip")
  memory_size                    = var.memory_megabytes
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrency : null

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.high_cpu_logs.name
  }

  environment {
    variables = {
      REMEDY_TABLE                = aws_dynamodb_table.ledger.name
      REMEDY_TOPIC_ARN            = aws_sns_topic.notifications.arn
      REMEDY_CHAT_TOPIC_ARN       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : ""
      REMEDY_NAMESPACE            = "Remedy/${var.name}"
      REMEDY_MODE                 = local.acts ? aws_ssm_parameter.acting[0].insecure_value : var.mode
      REMEDY_UNITS                = var.units
      REMEDY_CALENDARS            = var.calendars
      REMEDY_CLEANUP_OPT_INS      = var.cleanup_opt_ins
      REMEDY_EVIDENCE_BUCKET      = aws_s3_bucket.evidence_bucket.bucket
      REMEDY_EVIDENCE_SECONDS     = var.evidence_seconds
      REMEDY_STALE_MINUTES        = var.stale_minutes
      REMEDY_YOUNG_MINUTES        = var.young_minutes
      REMEDY_AGENT_SILENT_MINUTES = var.agent_silent_minutes
      REMEDY_CLAIM_MINUTES        = var.claim_minutes
      REMEDY_DISK_TARGET_PERCENT  = var.disk_target_percent
      REMEDY_FLOOR_PERCENT        = var.floor_percent
      REMEDY_GROW_GIB_PER_DAY     = var.grow_gib_per_day
      REMEDY_PRICES               = var.volume_prices
      REMEDY_PRICES_AS_OF         = var.volume_prices_as_of
      REMEDY_COOLDOWN_MINUTES     = var.cooldown_minutes
      REMEDY_BUDGET_PERCENT       = var.budget_percent
      REMEDY_STANDALONE_BUDGET    = var.standalone_budget
      REMEDY_DOCUMENT             = aws_ssm_document.high_cpu_document.name
    }
  }

  tracing_config {
    mode = local.has_tracing ? var.tracing : "PassThrough"
  }
}

resource "aws_lambda_function_event_invoke_config" "high_cpu_function_event_invoke_config" {
  function_name                = aws_lambda_function.high_cpu_function.function_name
  maximum_event_age_in_seconds = 900
  maximum_retry_attempts       = 2

  destination_config {

    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "high_cpu_logs" {
  name              = "/aws/lambda/${var.name}-high-cpu"
  retention_in_days = var.log_retention_days
}

# Alarms of this account may name the function as their action.
resource "aws_lambda_permission" "high_cpu_alarm_action_permission" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.high_cpu_function.function_name
  principal      = "lambda.alarms.cloudwatch.amazonaws.com"
  source_account = local.account
  source_arn     = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
}

resource "aws_lambda_function" "memory_pressure_function" {
  function_name                  = "${var.name}-memory-pressure"
  description                    = "Answers memory-pressure alarms with a cleanup, a reboot or a replacement, or says why not."
  role                           = aws_iam_role.memory_pressure_function_role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = "${var.zips}/${var.architecture}/memory-pressure.zip"
  source_code_hash               = filebase64sha256("${var.zips}/${var.architecture}/memory-pressure.zip")
  memory_size                    = var.memory_megabytes
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrency : null

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.memory_pressure_logs.name
  }

  environment {
    variables = {
      REMEDY_TABLE                = aws_dynamodb_table.ledger.name
      REMEDY_TOPIC_ARN            = aws_sns_topic.notifications.arn
      REMEDY_CHAT_TOPIC_ARN       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : ""
      REMEDY_NAMESPACE            = "Remedy/${var.name}"
      REMEDY_MODE                 = local.acts ? aws_ssm_parameter.acting[0].insecure_value : var.mode
      REMEDY_UNITS                = var.units
      REMEDY_CALENDARS            = var.calendars
      REMEDY_CLEANUP_OPT_INS      = var.cleanup_opt_ins
      REMEDY_EVIDENCE_BUCKET      = aws_s3_bucket.evidence_bucket.bucket
      REMEDY_EVIDENCE_SECONDS     = var.evidence_seconds
      REMEDY_STALE_MINUTES        = var.stale_minutes
      REMEDY_YOUNG_MINUTES        = var.young_minutes
      REMEDY_AGENT_SILENT_MINUTES = var.agent_silent_minutes
      REMEDY_CLAIM_MINUTES        = var.claim_minutes
      REMEDY_DISK_TARGET_PERCENT  = var.disk_target_percent
      REMEDY_FLOOR_PERCENT        = var.floor_percent
      REMEDY_GROW_GIB_PER_DAY     = var.grow_gib_per_day
      REMEDY_PRICES               = var.volume_prices
      REMEDY_PRICES_AS_OF         = var.volume_prices_as_of
      REMEDY_COOLDOWN_MINUTES     = var.cooldown_minutes
      REMEDY_BUDGET_PERCENT       = var.budget_percent
      REMEDY_STANDALONE_BUDGET    = var.standalone_budget
      REMEDY_DOCUMENT             = aws_ssm_document.memory_pressure_document.name
    }
  }

  tracing_config {
    mode = local.has_tracing ? var.tracing : "PassThrough"
  }
}

resource "aws_lambda_function_event_invoke_config" "memory_pressure_function_event_invoke_config" {
  function_name                = aws_lambda_function.memory_pressure_function.function_name
  maximum_event_age_in_seconds = 900
  maximum_retry_attempts       = 2

  destination_config {

    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "memory_pressure_logs" {
  name              = "/aws/lambda/${var.name}-memory-pressure"
  retention_in_days = var.log_retention_days
}

# Alarms of this account may name the function as their action.
resource "aws_lambda_permission" "memory_pressure_alarm_action_permission" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.memory_pressure_function.function_name
  principal      = "lambda.alarms.cloudwatch.amazonaws.com"
  source_account = local.account
  source_arn     = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
}

resource "aws_lambda_function" "disk_full_function" {
  function_name                  = "${var.name}-disk-full"
  description                    = "Answers disk-full alarms with a cleanup, a larger volume, a replacement or a reboot, or says why not."
  role                           = aws_iam_role.disk_full_function_role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = "${var.zips}/${var.architecture}/disk-full.zip"
  source_code_hash               = filebase64sha256("${var.zips}/${var.architecture}/disk-full.zip")
  memory_size                    = var.memory_megabytes
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrency : null

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.disk_full_logs.name
  }

  environment {
    variables = {
      REMEDY_TABLE                = aws_dynamodb_table.ledger.name
      REMEDY_TOPIC_ARN            = aws_sns_topic.notifications.arn
      REMEDY_CHAT_TOPIC_ARN       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : ""
      REMEDY_NAMESPACE            = "Remedy/${var.name}"
      REMEDY_MODE                 = local.acts ? aws_ssm_parameter.acting[0].insecure_value : var.mode
      REMEDY_UNITS                = var.units
      REMEDY_CALENDARS            = var.calendars
      REMEDY_CLEANUP_OPT_INS      = var.cleanup_opt_ins
      REMEDY_EVIDENCE_BUCKET      = aws_s3_bucket.evidence_bucket.bucket
      REMEDY_EVIDENCE_SECONDS     = var.evidence_seconds
      REMEDY_STALE_MINUTES        = var.stale_minutes
      REMEDY_YOUNG_MINUTES        = var.young_minutes
      REMEDY_AGENT_SILENT_MINUTES = var.agent_silent_minutes
      REMEDY_CLAIM_MINUTES        = var.claim_minutes
      REMEDY_DISK_TARGET_PERCENT  = var.disk_target_percent
      REMEDY_FLOOR_PERCENT        = var.floor_percent
      REMEDY_GROW_GIB_PER_DAY     = var.grow_gib_per_day
      REMEDY_PRICES               = var.volume_prices
      REMEDY_PRICES_AS_OF         = var.volume_prices_as_of
      REMEDY_COOLDOWN_MINUTES     = var.cooldown_minutes
      REMEDY_BUDGET_PERCENT       = var.budget_percent
      REMEDY_STANDALONE_BUDGET    = var.standalone_budget
      REMEDY_DOCUMENT             = aws_ssm_document.disk_full_document.name
      REMEDY_DISK_DOCUMENT        = aws_ssm_document.disk_grow_document.name
    }
  }

  tracing_config {
    mode = local.has_tracing ? var.tracing : "PassThrough"
  }
}

resource "aws_lambda_function_event_invoke_config" "disk_full_function_event_invoke_config" {
  function_name                = aws_lambda_function.disk_full_function.function_name
  maximum_event_age_in_seconds = 900
  maximum_retry_attempts       = 2

  destination_config {

    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "disk_full_logs" {
  name              = "/aws/lambda/${var.name}-disk-full"
  retention_in_days = var.log_retention_days
}

# Alarms of this account may name the function as their action.
resource "aws_lambda_permission" "disk_full_alarm_action_permission" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.disk_full_function.function_name
  principal      = "lambda.alarms.cloudwatch.amazonaws.com"
  source_account = local.account
  source_arn     = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
}

resource "aws_lambda_function" "unreachable_function" {
  function_name                  = "${var.name}-unreachable"
  description                    = "Answers alarms about hosts that answer nobody with a reboot or a replacement, or says why not."
  role                           = aws_iam_role.unreachable_function_role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = "${var.zips}/${var.architecture}/unreachable.zip"
  source_code_hash               = filebase64sha256("${var.zips}/${var.architecture}/unreachable.zip")
  memory_size                    = var.memory_megabytes
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrency : null

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.unreachable_logs.name
  }

  environment {
    variables = {
      REMEDY_TABLE                = aws_dynamodb_table.ledger.name
      REMEDY_TOPIC_ARN            = aws_sns_topic.notifications.arn
      REMEDY_CHAT_TOPIC_ARN       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : ""
      REMEDY_NAMESPACE            = "Remedy/${var.name}"
      REMEDY_MODE                 = local.acts ? aws_ssm_parameter.acting[0].insecure_value : var.mode
      REMEDY_UNITS                = var.units
      REMEDY_CALENDARS            = var.calendars
      REMEDY_CLEANUP_OPT_INS      = var.cleanup_opt_ins
      REMEDY_EVIDENCE_BUCKET      = aws_s3_bucket.evidence_bucket.bucket
      REMEDY_EVIDENCE_SECONDS     = var.evidence_seconds
      REMEDY_STALE_MINUTES        = var.stale_minutes
      REMEDY_YOUNG_MINUTES        = var.young_minutes
      REMEDY_AGENT_SILENT_MINUTES = var.agent_silent_minutes
      REMEDY_CLAIM_MINUTES        = var.claim_minutes
      REMEDY_DISK_TARGET_PERCENT  = var.disk_target_percent
      REMEDY_FLOOR_PERCENT        = var.floor_percent
      REMEDY_GROW_GIB_PER_DAY     = var.grow_gib_per_day
      REMEDY_PRICES               = var.volume_prices
      REMEDY_PRICES_AS_OF         = var.volume_prices_as_of
      REMEDY_COOLDOWN_MINUTES     = var.cooldown_minutes
      REMEDY_BUDGET_PERCENT       = var.budget_percent
      REMEDY_STANDALONE_BUDGET    = var.standalone_budget
    }
  }

  tracing_config {
    mode = local.has_tracing ? var.tracing : "PassThrough"
  }
}

resource "aws_lambda_function_event_invoke_config" "unreachable_function_event_invoke_config" {
  function_name                = aws_lambda_function.unreachable_function.function_name
  maximum_event_age_in_seconds = 900
  maximum_retry_attempts       = 2

  destination_config {

    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "unreachable_logs" {
  name              = "/aws/lambda/${var.name}-unreachable"
  retention_in_days = var.log_retention_days
}

# Alarms of this account may name the function as their action.
resource "aws_lambda_permission" "unreachable_alarm_action_permission" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.unreachable_function.function_name
  principal      = "lambda.alarms.cloudwatch.amazonaws.com"
  source_account = local.account
  source_arn     = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
}

resource "aws_lambda_function" "service_down_function" {
  function_name                  = "${var.name}-service-down"
  description                    = "Answers alarms about services that are down with a start of what has failed, or says why not."
  role                           = aws_iam_role.service_down_function_role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = "${var.zips}/${var.architecture}/service-down.zip"
  source_code_hash               = filebase64sha256("${var.zips}/${var.architecture}/service-down.zip")
  memory_size                    = var.memory_megabytes
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrency : null

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.service_down_logs.name
  }

  environment {
    variables = {
      REMEDY_TABLE                = aws_dynamodb_table.ledger.name
      REMEDY_TOPIC_ARN            = aws_sns_topic.notifications.arn
      REMEDY_CHAT_TOPIC_ARN       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : ""
      REMEDY_NAMESPACE            = "Remedy/${var.name}"
      REMEDY_MODE                 = local.acts ? aws_ssm_parameter.acting[0].insecure_value : var.mode
      REMEDY_UNITS                = var.units
      REMEDY_CALENDARS            = var.calendars
      REMEDY_CLEANUP_OPT_INS      = var.cleanup_opt_ins
      REMEDY_EVIDENCE_BUCKET      = aws_s3_bucket.evidence_bucket.bucket
      REMEDY_EVIDENCE_SECONDS     = var.evidence_seconds
      REMEDY_STALE_MINUTES        = var.stale_minutes
      REMEDY_YOUNG_MINUTES        = var.young_minutes
      REMEDY_AGENT_SILENT_MINUTES = var.agent_silent_minutes
      REMEDY_CLAIM_MINUTES        = var.claim_minutes
      REMEDY_DISK_TARGET_PERCENT  = var.disk_target_percent
      REMEDY_FLOOR_PERCENT        = var.floor_percent
      REMEDY_GROW_GIB_PER_DAY     = var.grow_gib_per_day
      REMEDY_PRICES               = var.volume_prices
      REMEDY_PRICES_AS_OF         = var.volume_prices_as_of
      REMEDY_COOLDOWN_MINUTES     = var.cooldown_minutes
      REMEDY_BUDGET_PERCENT       = var.budget_percent
      REMEDY_STANDALONE_BUDGET    = var.standalone_budget
      REMEDY_DOCUMENT             = aws_ssm_document.service_down_document.name
    }
  }

  tracing_config {
    mode = local.has_tracing ? var.tracing : "PassThrough"
  }
}

resource "aws_lambda_function_event_invoke_config" "service_down_function_event_invoke_config" {
  function_name                = aws_lambda_function.service_down_function.function_name
  maximum_event_age_in_seconds = 900
  maximum_retry_attempts       = 2

  destination_config {

    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "service_down_logs" {
  name              = "/aws/lambda/${var.name}-service-down"
  retention_in_days = var.log_retention_days
}

# Alarms of this account may name the function as their action.
resource "aws_lambda_permission" "service_down_alarm_action_permission" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.service_down_function.function_name
  principal      = "lambda.alarms.cloudwatch.amazonaws.com"
  source_account = local.account
  source_arn     = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:*"
}

# What the rules and the topic bring goes through a queue: a storm comes in batches, and at the
# pace that AWS's quotas allow (docs/decisions/0036). An alarm's own action and people invoke
# the function of the symptom.
resource "aws_lambda_function" "intake_function" {
  function_name                  = "${var.name}-intake"
  description                    = "Answers the alarms of the queue, up to 100 at once, as the functions of their symptoms do."
  role                           = aws_iam_role.intake_function_role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = "${var.zips}/${var.architecture}/intake.zip"
  source_code_hash               = filebase64sha256("${var.zips}/${var.architecture}/intake.zip")
  memory_size                    = var.intake_megabytes
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrency : null

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.intake_logs.name
  }

  environment {
    variables = {
      REMEDY_TABLE                = aws_dynamodb_table.ledger.name
      REMEDY_TOPIC_ARN            = aws_sns_topic.notifications.arn
      REMEDY_CHAT_TOPIC_ARN       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : ""
      REMEDY_NAMESPACE            = "Remedy/${var.name}"
      REMEDY_MODE                 = local.acts ? aws_ssm_parameter.acting[0].insecure_value : var.mode
      REMEDY_UNITS                = var.units
      REMEDY_CALENDARS            = var.calendars
      REMEDY_CLEANUP_OPT_INS      = var.cleanup_opt_ins
      REMEDY_EVIDENCE_BUCKET      = aws_s3_bucket.evidence_bucket.bucket
      REMEDY_EVIDENCE_SECONDS     = var.evidence_seconds
      REMEDY_STALE_MINUTES        = var.stale_minutes
      REMEDY_YOUNG_MINUTES        = var.young_minutes
      REMEDY_AGENT_SILENT_MINUTES = var.agent_silent_minutes
      REMEDY_CLAIM_MINUTES        = var.claim_minutes
      REMEDY_DISK_TARGET_PERCENT  = var.disk_target_percent
      REMEDY_FLOOR_PERCENT        = var.floor_percent
      REMEDY_GROW_GIB_PER_DAY     = var.grow_gib_per_day
      REMEDY_PRICES               = var.volume_prices
      REMEDY_PRICES_AS_OF         = var.volume_prices_as_of
      REMEDY_COOLDOWN_MINUTES     = var.cooldown_minutes
      REMEDY_BUDGET_PERCENT       = var.budget_percent
      REMEDY_STANDALONE_BUDGET    = var.standalone_budget
      REMEDY_DISK_DOCUMENT        = aws_ssm_document.disk_grow_document.name
      REMEDY_DOCUMENTS            = "high-cpu=${aws_ssm_document.high_cpu_document.name},memory-pressure=${aws_ssm_document.memory_pressure_document.name},disk-full=${aws_ssm_document.disk_full_document.name},service-down=${aws_ssm_document.service_down_document.name}"
    }
  }

  tracing_config {
    mode = local.has_tracing ? var.tracing : "PassThrough"
  }
}

resource "aws_lambda_function_event_invoke_config" "intake_function_event_invoke_config" {
  function_name                = aws_lambda_function.intake_function.function_name
  maximum_event_age_in_seconds = 900
  maximum_retry_attempts       = 2

  destination_config {

    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "intake_logs" {
  name              = "/aws/lambda/${var.name}-intake"
  retention_in_days = var.log_retention_days
}

# More than ten at once need a window; an alarm alone waits for it. Two batches at a time,
# the fewest there can be, are the pace.
resource "aws_lambda_event_source_mapping" "alarm_intake" {
  event_source_arn                   = aws_sqs_queue.alarm_queue.arn
  function_name                      = aws_lambda_function.intake_function.function_name
  batch_size                         = 100
  maximum_batching_window_in_seconds = 1
  function_response_types            = ["ReportBatchItemFailures"]
  depends_on                         = [aws_iam_role_policy.intake_function_role_policy]

  scaling_config {
    maximum_concurrency = 2
  }
}

resource "aws_lambda_event_source_mapping" "hint_intake" {
  event_source_arn                   = aws_sqs_queue.hint_queue.arn
  function_name                      = aws_lambda_function.follow_up_function.function_name
  batch_size                         = 100
  maximum_batching_window_in_seconds = 1
  function_response_types            = ["ReportBatchItemFailures"]
  depends_on                         = [aws_iam_role_policy.follow_up_function_role_policy]

  scaling_config {
    maximum_concurrency = 2
  }
}

resource "aws_lambda_function" "follow_up_function" {
  function_name                  = "${var.name}-follow-up"
  description                    = "Asks every minute whether it worked, and takes the next step."
  role                           = aws_iam_role.follow_up_function_role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  filename                       = "${var.zips}/${var.architecture}/follow-up.zip"
  source_code_hash               = filebase64sha256("${var.zips}/${var.architecture}/follow-up.zip")
  memory_size                    = var.memory_megabytes
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrency : null

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.follow_up_logs.name
  }

  environment {
    variables = {
      REMEDY_TABLE                = aws_dynamodb_table.ledger.name
      REMEDY_TOPIC_ARN            = aws_sns_topic.notifications.arn
      REMEDY_CHAT_TOPIC_ARN       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : ""
      REMEDY_NAMESPACE            = "Remedy/${var.name}"
      REMEDY_MODE                 = local.acts ? aws_ssm_parameter.acting[0].insecure_value : var.mode
      REMEDY_UNITS                = var.units
      REMEDY_CALENDARS            = var.calendars
      REMEDY_CLEANUP_OPT_INS      = var.cleanup_opt_ins
      REMEDY_EVIDENCE_BUCKET      = aws_s3_bucket.evidence_bucket.bucket
      REMEDY_EVIDENCE_SECONDS     = var.evidence_seconds
      REMEDY_STALE_MINUTES        = var.stale_minutes
      REMEDY_YOUNG_MINUTES        = var.young_minutes
      REMEDY_AGENT_SILENT_MINUTES = var.agent_silent_minutes
      REMEDY_CLAIM_MINUTES        = var.claim_minutes
      REMEDY_DISK_TARGET_PERCENT  = var.disk_target_percent
      REMEDY_FLOOR_PERCENT        = var.floor_percent
      REMEDY_GROW_GIB_PER_DAY     = var.grow_gib_per_day
      REMEDY_PRICES               = var.volume_prices
      REMEDY_PRICES_AS_OF         = var.volume_prices_as_of
      REMEDY_COOLDOWN_MINUTES     = var.cooldown_minutes
      REMEDY_BUDGET_PERCENT       = var.budget_percent
      REMEDY_STANDALONE_BUDGET    = var.standalone_budget
      REMEDY_DISK_DOCUMENT        = aws_ssm_document.disk_grow_document.name
      REMEDY_DOCUMENTS            = "high-cpu=${aws_ssm_document.high_cpu_document.name},memory-pressure=${aws_ssm_document.memory_pressure_document.name},disk-full=${aws_ssm_document.disk_full_document.name},service-down=${aws_ssm_document.service_down_document.name}"
    }
  }

  tracing_config {
    mode = local.has_tracing ? var.tracing : "PassThrough"
  }
}

resource "aws_lambda_function_event_invoke_config" "follow_up_function_event_invoke_config" {
  function_name                = aws_lambda_function.follow_up_function.function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0

  destination_config {

    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_lambda_permission" "follow_up_function_heartbeat_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.follow_up_function.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.follow_up_function_heartbeat.arn
}

resource "aws_cloudwatch_log_group" "follow_up_logs" {
  name              = "/aws/lambda/${var.name}-follow-up"
  retention_in_days = var.log_retention_days
}
