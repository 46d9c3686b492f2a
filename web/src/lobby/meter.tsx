import { useEffect, useRef, useState } from 'react';
import type { Preview } from '../devices/preview';
import { useObservable } from '../observable';

const heardAt = 0.12; // of the bar: louder than a quiet room

// Meter shows how loud the microphone is. It draws past React, because it
// changes with every frame of the screen.
export function Meter({ preview }: { preview: Preview }) {
  const { streams, choice } = useObservable(preview);
  const bar = useRef<HTMLDivElement>(null);
  const [heard, setHeard] = useState(false);
  const stream = streams.microphone;

  useEffect(() => {
    setHeard(false);
    if (!stream) return;
    return measure(stream, (level) => {
      bar.current?.style.setProperty('--level', level.toFixed(3));
      if (level > heardAt) setHeard(true);
    });
  }, [stream]);

  if (!stream) return choice.muted ? <p className="meter-words">You join muted.</p> : null;
  return (
    <div className="meter">
      <div className="meter-bar" ref={bar} data-testid="meter" />
      <p className="meter-words" role="status">{heard ? 'Your microphone works.' : 'Say something to test it.'}</p>
    </div>
  );
}

// measure calls back with the loudness, 0 to 1, until the returned function is called.
function measure(stream: MediaStream, show: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(stream).connect(analyser);
  // Without a click or key browsers keep the context asleep.
  const wake = () => void context.resume();
  document.addEventListener('pointerdown', wake);
  document.addEventListener('keydown', wake);
  const samples = new Float32Array(analyser.fftSize);
  let frame = 0;
  const draw = () => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, s) => sum + s * s, 0) / samples.length;
    const decibels = 10 * Math.log10(power + 1e-9);
    show(Math.min(1, Math.max(0, (decibels + 60) / 50))); // −60 dB is silence, −10 dB is loud
    frame = requestAnimationFrame(draw);
  };
  draw();
  return () => {
    cancelAnimationFrame(frame);
    document.removeEventListener('pointerdown', wake);
    document.removeEventListener('keydown', wake);
    void context.close();
  };
}
