import type { ReactNode } from 'react';
import type { Words } from '../words';
import { Icon } from './icon';

export function ProblemNote({ words, children }: { words: Words; children?: ReactNode }) {
  return (
    <div className="problem" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{words.title}</strong>
        <p>{words.detail}</p>
        {children}
      </div>
    </div>
  );
}
