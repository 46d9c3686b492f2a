import type { CSSProperties } from 'react';
import { hue, initials } from '../names';

export function Avatar({ id, name }: { id: string; name: string }) {
  return (
    <span className="avatar" style={{ '--hue': hue(id) } as CSSProperties} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
