export { orderWorkflow } from './order.ts';
export { deliverWebhook, sendSample, webhookDispatcher } from './webhooks.ts';
