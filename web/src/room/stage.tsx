import { useState } from 'react';
import type { Meeting } from '../meeting/meeting';
import type { Person } from '../meeting/people';
import { useObservable } from '../observable';
import { cast } from './cast';
import { fit } from './grid';
import { Invitation } from './invitation';
import { Screen } from './screen';
import { Tile } from './tile';
import { useSize } from './use-size';

const gap = 10;
const phone = 640; // px; below it the window is a phone's

// Stage is where people and screens are shown: a grid of people, or a large
// screen beside a strip of them.
export function Stage({ meeting, copyLink }: { meeting: Meeting; copyLink: () => void }) {
  const { people, active } = useObservable(meeting.people);
  const { cameras, screens } = useObservable(meeting.pictures);
  const [chosen, setChosen] = useState<number>();
  const [space, size] = useSize<HTMLDivElement>();

  // One's own screen isn't shown: it would show itself in itself without end.
  const foreign = screens.filter((s) => !s.mine);
  const large = foreign.find((s) => s.tile === chosen) ?? foreign.at(-1);
  const narrow = size.width < phone;
  const seated = cast(people, cameras, active, large ? 12 : narrow ? 8 : 25);
  const float = narrow && !large && people.length === 2;
  const places = seated.length + (seated.length < people.length ? 1 : 0);
  const tile = large ? undefined : float ? size : fit(places, size, gap);
  const nameOf = (owner: string) => people.find((p) => p.id === owner)?.name ?? 'Someone';

  const show = (person: Person) => (
    <Tile key={person.id} person={person} picture={cameras[person.id]} pictures={meeting.pictures}
      speaks={active.includes(person.id)} style={float && person.self ? undefined : tile} />
  );
  return (
    <div className={['stage', large && 'with-screen', float && 'floating'].filter(Boolean).join(' ')}>
      {large && <Screen key={large.tile} picture={large} name={nameOf(large.owner)} pictures={meeting.pictures} />}
      <div className="space" ref={space}>
        <ul className="tiles" style={{ gap }} aria-label="People">
          {foreign.filter((s) => s !== large).map((s) => (
            <li key={s.tile} className="tile">
              <button className="swap" onClick={() => setChosen(s.tile)}>Show the screen of {nameOf(s.owner)}</button>
            </li>
          ))}
          {seated.map(show)}
          {seated.length < people.length && <li className="tile more" style={tile}>+{people.length - seated.length} more</li>}
        </ul>
      </div>
      {people.length === 1 && <Invitation meetingId={meeting.id} copyLink={copyLink} />}
    </div>
  );
}
