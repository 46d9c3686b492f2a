// The partials of a bell: pitch, strength and seconds of decay.
const partials = [
  [261.6, 0.3, 2.2],
  [523.3, 0.5, 1.6],
  [627.8, 0.25, 1.1],
  [784, 0.2, 0.9],
  [1046.5, 0.25, 0.7],
] as const;

// ringBell plays a bell on a speaker, so that somebody hears whether it works.
export async function ringBell(speaker: string): Promise<void> {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  for (const [hertz, gain, decay] of partials) {
    const tone = new OscillatorNode(context, { frequency: hertz });
    const volume = new GainNode(context, { gain: gain * 0.5 });
    volume.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + decay);
    tone.connect(volume).connect(out);
    tone.start();
    tone.stop(context.currentTime + decay);
  }
  const element = new Audio();
  element.srcObject = out.stream;
  if (speaker) await element.setSinkId(speaker).catch(() => {}); // unplugged: the default one rings
  await element.play();
  setTimeout(() => void context.close(), 2_500);
}
