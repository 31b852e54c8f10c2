// States as people say them.

export const STATES = {
  queued: "waiting for its turn",
  initializing: "opening the upload",
  submitting: "cutting into frame batches",
  processing: "at work",
  collecting: "writing results",
  succeeded: "done",
  partially_succeeded: "done in part",
  failed: "failed",
  canceling: "stopping",
  canceled: "stopped",
  expired: "took too long",
};

const ENDED = new Set(["succeeded", "partially_succeeded", "failed", "canceled", "expired"]);

export const hasEnded = (state) => ENDED.has(state);

/** Whether another try may get more. */
export function canRetry(job) {
  if (job.data_deleted_at) return false;
  return job.error?.retryable || ["canceled", "expired"].includes(job.job_status);
}

/** What files of results are for; the others are listed below by their names. */
export const FILES = {
  "report.html": "Report, to open in a browser",
  "overlay.mp4": "Video with the skeleton drawn in",
  "keypoints.csv": "Key points of every frame",
  "biomechanics.csv": "Speeds and joint angles of every frame",
  "measures.csv": "Measures that are one number",
  "events.csv": "Contacts, toe-offs, take-offs, landings",
  "cycles.csv": "Joint angles over the stride",
  "summary.json": "Summary",
};
