import type { Notices } from '../meeting/notices';
import { useObservable } from '../observable';
import { Icon } from '../parts/icon';

export function Toasts({ notices }: { notices: Notices }) {
  const { list } = useObservable(notices);
  return (
    <div className="toasts" role="status">
      {list.map((notice) => (
        <p key={notice.id} className={`toast ${notice.tone}`}>
          {notice.tone === 'bad' && <Icon name="warning" />}
          <span>{notice.text}</span>
          <button className="round small" aria-label="Dismiss" onClick={() => notices.dismiss(notice.id)}><Icon name="close" /></button>
        </p>
      ))}
    </div>
  );
}
