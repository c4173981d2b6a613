// Package staging writes objects to lakeFS through a lakefs-staging gateway.
//
// A call that returns says what became of the object: it stands, it does not,
// or, rarely, nobody can tell. Nothing that was cut short is ever linked: a
// source that fails, a writer that is closed without Commit, a context that is
// cancelled and a process that dies all leave the path as it was.
//
//	client, err := staging.New()
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	result, err := client.Upload(ctx, file, "lakefs://repo/main/report.csv")
//
// A target is "lakefs://REPOSITORY/BRANCH/PATH". The path is all that follows
// the slash behind the branch, byte for byte: it is not decoded, and further
// slashes, "?", "#" and "%" are part of it.
//
// # Errors
//
// An error of a call is an [*Error], unless it is the caller's own: what a
// source, a producer or a callback returned comes back as it was. Match an
// Error with [errors.Is] and the Err variables of this package, or with
// [context.Canceled], [context.DeadlineExceeded], [io/fs.ErrExist],
// [io/fs.ErrNotExist] and [io/fs.ErrPermission]; take it apart with
// [errors.As].
//
// # Repetition
//
// An attempt that failed is made again where its error says that this helps and
// the bytes can be had again: from an [io.Seeker], from [Reopenable], or
// because there are at most 1 MiB of them. Each upload has a request id, so that
// a repetition never makes a second object; the gateway also stores it in the
// object's user metadata, as lakefs-staging-request-id.
//
// # Time
//
// The context is the limit of a call, repetitions and waits included, and
// cancels it. Without a deadline the gateway has one for each attempt.
package staging
