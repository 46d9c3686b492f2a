import { Icon, type IconName } from '../parts/icon';
import { shortcuts, type Action } from './shortcuts';

interface Props {
  action: Action;
  icon: IconName;
  label: string; // what pressing it does now
  act: (action: Action) => void;
  off?: boolean; // what it stands for is switched off
  on?: boolean; // what it opens is open
  busy?: boolean;
  badge?: number;
  small?: boolean;
}

// Control is one of the room's round buttons.
export function Control({ action, icon, label, act, off, on, busy, badge = 0, small }: Props) {
  const { key } = shortcuts[action];
  const classes = ['round', off && 'off', on && 'on', small && 'small'].filter(Boolean).join(' ');
  const spoken = badge > 0 ? `${label}, ${badge} unread` : label;
  return (
    <button className={classes} aria-label={spoken} aria-keyshortcuts={key} aria-pressed={on} aria-busy={busy}
      data-tip={`${label} (${key.toUpperCase()})`} data-testid={action} onClick={() => act(action)}>
      <Icon name={icon} />
      {badge > 0 && <span className="badge" aria-hidden="true">{badge > 99 ? '99+' : badge}</span>}
    </button>
  );
}
