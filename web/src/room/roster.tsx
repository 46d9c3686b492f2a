import type { Meeting } from '../meeting/meeting';
import { useObservable } from '../observable';
import { Avatar } from '../parts/avatar';
import { Icon } from '../parts/icon';
import { Panel } from './panel';
import { Signal } from './signal';

export function Roster({ meeting, close }: { meeting: Meeting; close: () => void }) {
  const { people, active } = useObservable(meeting.people);
  const { screens } = useObservable(meeting.pictures);
  return (
    <Panel title={`People (${people.length})`} close={close}>
      <ul className="roster">
        {people.map((person) => (
          <li key={person.id} className={active.includes(person.id) && !person.muted ? 'speaks' : ''} data-testid="roster-entry">
            <Avatar id={person.id} name={person.name} />
            <span className="name">{person.name}{person.self && ' (you)'}</span>
            {screens.some((s) => s.owner === person.id) && <span role="img" aria-label="shares a screen"><Icon name="screen" /></span>}
            <span role="img" aria-label={person.muted ? 'muted' : 'not muted'} className={person.muted ? 'muted' : ''}>
              <Icon name={person.muted ? 'micOff' : 'mic'} />
            </span>
            <Signal strength={person.signal} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
