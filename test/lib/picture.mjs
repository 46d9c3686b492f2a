// What can be said of an attendee's picture as somebody else sees it.
import assert from 'node:assert/strict';

// advancing waits until ten more frames of an attendee's picture were shown.
export async function advancing(viewer, attendee) {
  const before = (await viewer.sees(attendee))?.frames ?? 0;
  for (let i = 0; i < 300; i++) {
    if ((await viewer.sees(attendee))?.frames >= before + 10) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`${viewer.name} sees no new frames of ${attendee}`);
}
