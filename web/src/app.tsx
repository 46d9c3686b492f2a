import { lazy, Suspense, useEffect, useState } from 'react';
import type { Choice } from './devices/choice';
import { Landing } from './lobby/landing';
import { Left } from './lobby/left';
import { Lobby } from './lobby/lobby';
import type { Meeting } from './meeting/meeting';
import { meetingPath, type Seat } from './server';

// The room and the client library are loaded while people look into the mirror.
const loadMeeting = () => import('./meeting/meeting');
const loadRoom = () => import('./room/room');
const Room = lazy(loadRoom);

type Page =
  | { at: 'landing' }
  | { at: 'lobby'; meetingId: string; seat?: Seat }
  | { at: 'room'; meeting: Meeting }
  | { at: 'left'; meeting: Meeting };

function pageOf(path: string): Page {
  const link = path.match(/^\/m\/([^/]+)/);
  return link ? { at: 'lobby', meetingId: link[1]! } : { at: 'landing' };
}

export function App() {
  const [page, setPage] = useState(() => pageOf(location.pathname));

  useEffect(() => {
    // Back and forward are a way out of a meeting, too.
    const moved = () => setPage((now) => {
      if (now.at === 'room') now.meeting.leave();
      return pageOf(location.pathname);
    });
    window.addEventListener('popstate', moved);
    return () => window.removeEventListener('popstate', moved);
  }, []);

  const go = (next: Page, path: string) => {
    if (path !== location.pathname) history.pushState(null, '', path);
    setPage(next);
  };
  const goToLobby = (meetingId: string, seat?: Seat) => go({ at: 'lobby', meetingId, seat }, meetingPath(meetingId));
  const goToStart = () => go({ at: 'landing' }, '/');

  const enter = async (seat: Seat, choice: Choice) => {
    const [{ Meeting: Joined }] = await Promise.all([loadMeeting(), loadRoom()]);
    const meeting = new Joined(seat, choice);
    setPage({ at: 'room', meeting });
    void meeting.join();
  };

  switch (page.at) {
    case 'landing':
      return <Landing started={(seat) => goToLobby(seat.Meeting.MeetingId, seat)} />;
    case 'lobby':
      return <Lobby key={page.meetingId} meetingId={page.meetingId} seat={page.seat} preload={loadMeeting} enter={enter} startAnother={goToStart} />;
    case 'room':
      return (
        <Suspense>
          <Room meeting={page.meeting} over={() => setPage({ at: 'left', meeting: page.meeting })} />
        </Suspense>
      );
    case 'left':
      return (
        <Left end={page.meeting.connection.state.end ?? 'left'} title={page.meeting.title}
          rejoin={() => goToLobby(page.meeting.id)} startAnother={goToStart} />
      );
  }
}
