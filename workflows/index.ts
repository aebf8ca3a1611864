export { orderWorkflow } from './order.ts';
export { deliverWebhook, webhookDispatcher } from './webhooks.ts';
