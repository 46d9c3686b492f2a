import type { CSSProperties } from 'react';
import type { Person } from '../meeting/people';
import type { Picture, Pictures } from '../meeting/pictures';
import { Avatar } from '../parts/avatar';
import { Icon } from '../parts/icon';
import { Signal } from './signal';
import { Video } from './video';

interface Props {
  person: Person;
  picture: Picture | undefined;
  pictures: Pictures;
  speaks: boolean;
  style?: CSSProperties;
}

// Tile is one person in the room.
export function Tile({ person, picture, pictures, speaks, style }: Props) {
  const name = person.self ? `${person.name} (you)` : person.name;
  const classes = ['tile', speaks && !person.muted && 'speaks', person.self && 'own'].filter(Boolean).join(' ');
  return (
    <li className={classes} style={style} data-testid="tile" data-attendee={person.id}>
      {picture ? <Video pictures={pictures} tile={picture.tile} label={`Camera of ${name}`} /> : <Avatar id={person.id} name={person.name} />}
      {picture?.stalled && <p className="stalled">The picture is held up by a weak connection</p>}
      <p className="plate">
        {person.muted && <span className="muted" role="img" aria-label="muted"><Icon name="micOff" /></span>}
        <span className="name">{name}</span>
        {person.signal < 1 && <Signal strength={person.signal} />}
      </p>
    </li>
  );
}
