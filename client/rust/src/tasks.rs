//! How the transport's work is run, so that a call can be cancelled at any time.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// The call whose body was polled by the task that is polled now.
    static POLLED: RefCell<Option<CancellationToken>> = const { RefCell::new(None) };
}

/// The body that is polled belongs to the call of `token`.
pub(crate) fn note_body_of(token: &CancellationToken) {
    POLLED.with_borrow_mut(|polled| {
        if polled.is_none() {
            *polled = Some(token.clone());
        }
    });
}

/// Runs each task of the transport, but ends the one that sends the body of a call
/// when the call is cancelled.
///
/// Without this, a call that is dropped while its gateway takes nothing would stay
/// there until the gateway reads on: the transport asks a body for nothing more,
/// not even for its end, before the window opens.
#[derive(Clone)]
pub(crate) struct Tasks;

impl hyper::rt::Executor<Work> for Tasks {
    fn execute(&self, work: Work) {
        tokio::spawn(Task {
            work,
            cancelled: None,
        });
    }
}

struct Task {
    work: Work,
    cancelled: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.is_cancelled(cx) {
            return Poll::Ready(());
        }
        POLLED.set(None);
        if this.work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if this.cancelled.is_none()
            && let Some(token) = POLLED.take()
        {
            this.cancelled = Some(Box::pin(token.cancelled_owned()));
            if this.is_cancelled(cx) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl Task {
    fn is_cancelled(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.cancelled {
            Some(cancelled) => cancelled.as_mut().poll(cx).is_ready(),
            None => false,
        }
    }
}
