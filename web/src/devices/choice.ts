// What a person chose last time, kept in this browser only.

export interface Choice {
  name: string;
  microphone: string; // device ids; empty: the browser's default
  camera: string;
  speaker: string;
  muted: boolean;
  cameraOff: boolean;
}

const key = 'carillon.choice';
const first: Choice = { name: '', microphone: '', camera: '', speaker: '', muted: false, cameraOff: false };

export function recall(): Choice {
  try {
    return { ...first, ...JSON.parse(localStorage.getItem(key) ?? '{}') };
  } catch {
    return first; // storage is off, or somebody else wrote there
  }
}

export function remember(patch: Partial<Choice>): Choice {
  const choice = { ...recall(), ...patch };
  try {
    localStorage.setItem(key, JSON.stringify(choice));
  } catch {
    // Storage is off or full; then the choice lasts as long as the page.
  }
  return choice;
}
