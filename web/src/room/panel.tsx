import { useEffect, useRef, type ReactNode } from 'react';
import { Icon } from '../parts/icon';

interface Props {
  title: string;
  close: () => void;
  children: ReactNode;
}

// Panel is what opens beside the stage, or over it on a phone.
export function Panel({ title, close, children }: Props) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    const opener = document.activeElement as HTMLElement | null;
    panel.current?.querySelector<HTMLElement>('textarea, button')?.focus();
    return () => opener?.focus();
  }, []);
  return (
    <aside className="panel" ref={panel} aria-label={title} onKeyDown={(e) => e.key === 'Escape' && close()}>
      <header>
        <h2>{title}</h2>
        <button className="round small" aria-label={`Close ${title.toLowerCase()}`} onClick={close}><Icon name="close" /></button>
      </header>
      {children}
    </aside>
  );
}
