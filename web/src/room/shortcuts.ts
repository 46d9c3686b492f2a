import { useEffect } from 'react';

// What can be done in the room, with its key. Buttons, the help and the
// keyboard all read this table.
export const shortcuts = {
  mute: { key: 'm', words: 'Mute or unmute' },
  camera: { key: 'v', words: 'Camera on or off' },
  share: { key: 's', words: 'Share your screen, or stop' },
  people: { key: 'p', words: 'Show who is here' },
  chat: { key: 'c', words: 'Open the chat' },
  link: { key: 'l', words: 'Copy the meeting’s link' },
  devices: { key: 'd', words: 'Choose devices' },
  help: { key: '?', words: 'Show these keys' },
} as const;

export type Action = keyof typeof shortcuts;

const storageKey = 'carillon.shortcuts';

// Keys can be switched off: speech input and some assistive tools type letters
// where people don't mean them (WCAG 2.1.4).
export function shortcutsAreOn(): boolean {
  try {
    return localStorage.getItem(storageKey) !== 'off';
  } catch {
    return true;
  }
}

export function switchShortcuts(on: boolean): void {
  try {
    localStorage.setItem(storageKey, on ? 'on' : 'off');
  } catch {
    // Storage is off; then they stay on.
  }
}

export function useShortcuts(act: (action: Action) => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target) || !shortcutsAreOn()) return;
      for (const [action, { key }] of Object.entries(shortcuts)) {
        if (event.key.toLowerCase() !== key) continue;
        event.preventDefault();
        act(action as Action);
      }
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, dialog') !== null;
}
