import { useEffect, useRef, type ReactNode } from 'react';
import { Icon } from '../parts/icon';

interface Props {
  title: string;
  close: () => void;
  children: ReactNode;
}

// Dialog is the browser's own: it keeps the focus inside and closes with Escape.
export function Dialog({ title, close, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-label={title} onClick={(e) => e.target === dialog.current && close()}>
      <div className="dialog-body">
        <header>
          <h2>{title}</h2>
          <button className="round small" aria-label="Close" onClick={close}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
