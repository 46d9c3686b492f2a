import { useEffect, useRef } from 'react';
import type { End } from '../meeting/connection';
import { endWords } from '../words';
import { Frame } from './frame';

interface Props {
  end: End;
  title: string;
  rejoin: () => void;
  startAnother: () => void;
}

// Left is the page after a meeting, however it came to its end.
export function Left({ end, title, rejoin, startAnother }: Props) {
  const words = endWords(end);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []); // the button that had the focus is gone
  return (
    <Frame title={words.title}>
      <div className="left">
        <p className="kicker">{title}</p>
        <h1 ref={heading} tabIndex={-1}>{words.title}</h1>
        <p>{words.detail}</p>
        <div className="ways">
          {end !== 'ended' && <button className="primary" onClick={rejoin}>Rejoin</button>}
          <button className={end === 'ended' ? 'primary' : 'secondary'} onClick={startAnother}>Start another</button>
        </div>
      </div>
    </Frame>
  );
}
