using System;
using System.IO;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace Funland.Client
{
    /// <summary>How long a call may take, and why it ended.</summary>
    internal sealed class Call : IDisposable
    {
        private readonly CancellationToken caller;
        private readonly CancellationTokenSource end;

        public Call(TimeSpan? timeout, CancellationToken caller)
        {
            Timeout = timeout;
            this.caller = caller;
            end = CancellationTokenSource.CreateLinkedTokenSource(caller);
            if (timeout != null)
            {
                end.CancelAfter(timeout.Value);
            }
        }

        public TimeSpan? Timeout { get; private set; }

        public CancellationToken Token
        {
            get { return end.Token; }
        }

        /// <summary>Closes the call's connection.</summary>
        public void Leave()
        {
            end.Cancel();
        }

        /// <summary>Runs a call; what the platform throws of it becomes the contract's reason.</summary>
        public async Task<T> Guard<T>(string url, Func<Task<T>> run)
        {
            try
            {
                return await run();
            }
            catch (Exception thrown) when (!(thrown is FunlandException))
            {
                if (caller.IsCancellationRequested)
                {
                    throw new FunlandException("The caller ended the call.", "CANCELLED", "CALLER_GONE", thrown);
                }
                if (end.IsCancellationRequested)
                {
                    throw new FunlandException("The timeout passed.", "DEADLINE_EXCEEDED", "DEADLINE_PASSED", thrown);
                }
                if (thrown is HttpRequestException || thrown is IOException)
                {
                    throw new FunlandException("The server at " + url + " can't be reached.", "UNAVAILABLE", "SERVER_UNREACHABLE", thrown);
                }
                throw;
            }
        }

        public void Dispose()
        {
            end.Dispose();
        }
    }
}
