// Reads `go test -json` and prints what failed, with its output, to standard
// error, and "<passed> <failed>" to standard output.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

const output = new Map();
let passed = 0, failed = 0;
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  let event;
  try { event = JSON.parse(line); } catch { console.error(line); continue; }
  const key = `${event.Package ?? event.ImportPath} ${event.Test ?? ''}`;
  if (event.Action === 'output' || event.Action === 'build-output') output.set(key, (output.get(key) ?? '') + event.Output);
  if (event.Action === 'pass' && event.Test) passed++;
  if (event.Action === 'fail' || event.Action === 'build-fail') {
    if (event.Test || event.Action === 'build-fail' || event.FailedBuild) failed++;
    console.error(`--- ${key}\n${output.get(key) ?? ''}`);
  }
}
console.log(passed, failed);
