using System;
using System.Threading.Tasks;

namespace Funland.Client
{
    /// <summary>Calls that are made again when that may help.</summary>
    public static class Again
    {
        private static readonly TimeSpan First = TimeSpan.FromSeconds(0.5);
        private static readonly TimeSpan Longest = TimeSpan.FromSeconds(8);

        // Who is told to wait longer had better decide themselves.
        private static readonly TimeSpan LongestAsked = TimeSpan.FromSeconds(30);

        /// <summary>
        /// Makes a call, and again up to <paramref name="retries"/> times when it failed for what may pass: after
        /// what the server asks for, else after half a second, one, two and so on. It is for what may be
        /// done twice: chats, embeddings, and all that is asked for by GET.
        /// </summary>
        public static async Task<T> CallAsync<T>(int retries, Func<Task<T>> call)
        {
            for (var made = 0; ; made++)
            {
                TimeSpan? wait;
                try
                {
                    return await call();
                }
                catch (FunlandException failure)
                {
                    wait = made < retries ? Pause(failure, made) : null;
                    if (wait == null)
                    {
                        throw;
                    }
                }
                await Task.Delay(wait.Value);
            }
        }

        private static TimeSpan? Pause(FunlandException failure, int made)
        {
            if (!failure.Retryable)
            {
                return null;
            }
            if (failure.RetryDelay != null)
            {
                return failure.RetryDelay <= LongestAsked ? failure.RetryDelay : null;
            }
            var wait = TimeSpan.FromTicks(First.Ticks << Math.Min(made, 10));
            return wait < Longest ? wait : Longest;
        }
    }
}
