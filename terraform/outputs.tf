# Written from template.yaml by release/terraform.py; change that one.

output "alarms_topic" {
  description = "Name this topic as the action of alarms that use SNS."
  value       = aws_sns_topic.alarms.arn
}

output "notifications_topic" {
  description = "Subscribe to this topic to hear what Remedy does."
  value       = aws_sns_topic.notifications.arn
}

output "chat_notifications_topic" {
  description = "Name this topic in a channel's configuration of Amazon Q Developer in chat applications."
  value       = local.has_chat_topic ? aws_sns_topic.chat_notifications[0].arn : null
}

output "ledger_table" {
  description = "The incidents."
  value       = aws_dynamodb_table.ledger.name
}

output "dead_letters_queue" {
  description = "Events no function could answer."
  value       = aws_sqs_queue.dead_letters.url
}

output "high_cpu_function_arn" {
  description = "Name this function as the action of a high-cpu alarm."
  value       = aws_lambda_function.high_cpu_function.arn
}

output "memory_pressure_function_arn" {
  description = "Name this function as the action of a memory-pressure alarm."
  value       = aws_lambda_function.memory_pressure_function.arn
}

output "disk_full_function_arn" {
  description = "Name this function as the action of a disk-full alarm."
  value       = aws_lambda_function.disk_full_function.arn
}

output "unreachable_function_arn" {
  description = "Name this function as the action of an alarm on status checks."
  value       = aws_lambda_function.unreachable_function.arn
}

output "service_down_function_arn" {
  description = "Name this function as the action of an alarm on the processes of a service."
  value       = aws_lambda_function.service_down_function.arn
}
