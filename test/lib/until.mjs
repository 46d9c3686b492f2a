// until asks again and again whether something has come true and returns what
// ask returned. It fails after a deadline that is generous for a slow machine.
export async function until(what, ask, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    last = await ask();
    if (last) return last;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
