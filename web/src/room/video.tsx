import { useEffect, useRef } from 'react';
import type { Pictures } from '../meeting/pictures';

// Video shows one picture of the meeting.
export function Video({ pictures, tile, label }: { pictures: Pictures; tile: number; label: string }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => pictures.show(tile, element.current!), [pictures, tile]);
  return <video ref={element} autoPlay playsInline muted aria-label={label} />;
}
