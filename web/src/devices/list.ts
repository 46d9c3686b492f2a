import { mayUseDevices } from './problem';

export interface Device {
  id: string;
  label: string;
}

export interface Devices {
  microphones: Device[];
  cameras: Device[];
  speakers: Device[]; // empty where the browser decides (Safari, Firefox on phones)
}

export const noDevices: Devices = { microphones: [], cameras: [], speakers: [] };

const canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;

export async function listDevices(): Promise<Devices> {
  if (!mayUseDevices()) return noDevices;
  const all = await navigator.mediaDevices.enumerateDevices();
  const of = (kind: MediaDeviceKind, noun: string) =>
    all.filter((d) => d.kind === kind && d.deviceId !== '') // without permission browsers list one without an id
      .map((d, i) => ({ id: d.deviceId, label: tidy(d.label) || `${noun} ${i + 1}` }));
  return {
    microphones: of('audioinput', 'Microphone'),
    cameras: of('videoinput', 'Camera'),
    speakers: canChooseSpeaker ? of('audiooutput', 'Speaker') : [],
  };
}

// tidy takes away the USB ids that Chromium appends.
function tidy(label: string): string {
  return label.replace(/ \([0-9a-f]{4}:[0-9a-f]{4}\)$/, '');
}

// watchDevices calls back when something was plugged in or out. It returns how to stop.
export function watchDevices(changed: () => void): () => void {
  if (!mayUseDevices()) return () => {};
  navigator.mediaDevices.addEventListener('devicechange', changed);
  return () => navigator.mediaDevices.removeEventListener('devicechange', changed);
}
