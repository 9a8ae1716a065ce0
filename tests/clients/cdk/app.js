// Two stacks of which one reads the other, a function with an asset, and on demand (`-c taken=1`) a
// queue whose name is taken, which cannot be created.
const { App, CfnOutput, Duration, Stack } = require('aws-cdk-lib');
const lambda = require('aws-cdk-lib/aws-lambda');
const sqs = require('aws-cdk-lib/aws-sqs');

const app = new App({ analyticsReporting: false });
const given = (name) => app.node.tryGetContext(name);

const queues = new Stack(app, 'Queues');
const orders = new sqs.Queue(queues, 'Orders', {
  queueName: 'orders',
  deliveryDelay: Duration.seconds(Number(given('delay') ?? 1)),
});
if (given('taken')) {
  new sqs.Queue(queues, 'Again', { queueName: 'orders' }).node.addDependency(orders);
}

const work = new Stack(app, 'Work');
const worker = new lambda.Function(work, 'Worker', {
  runtime: lambda.Runtime.NODEJS_22_X,
  handler: 'index.handler',
  code: lambda.Code.fromAsset('worker'),
  environment: { QUEUE: orders.queueUrl },
});
orders.grantSendMessages(worker);
new CfnOutput(work, 'Function', { value: worker.functionName });
