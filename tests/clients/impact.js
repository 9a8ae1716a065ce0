// What the AWS CDK's own diff says of pairs of templates: one JSON object a line on standard input with
// `before` and `after`; one a line on standard output, each resource's logical id to its impact.
const { fullDiff } = require("@aws-cdk/cloudformation-diff");
const lines = require("node:fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) {
  const { before, after } = JSON.parse(line);
  const found = {};
  fullDiff(before, after).resources.forEachDifference((name, change) => {
    found[name] = change.changeImpact;
  });
  console.log(JSON.stringify(found));
}
