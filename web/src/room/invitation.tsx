import { Icon } from '../parts/icon';
import { meetingLink } from '../server';

// Invitation is shown to somebody who is alone.
export function Invitation({ meetingId, copyLink }: { meetingId: string; copyLink: () => void }) {
  const link = meetingLink(meetingId);
  return (
    <section className="invitation" aria-label="Invite others">
      <h2>Nobody else is here yet</h2>
      <p>Send this link to whoever should come.</p>
      <div className="link-row">
        <input readOnly value={link} aria-label="Link to this meeting" onFocus={(e) => e.target.select()} />
        <button className="primary" onClick={copyLink}><Icon name="link" />Copy</button>
      </div>
    </section>
  );
}
