"""Sentences that the toxicity judge without a model is measured on, written for that: what people say to each other
that is insulting, hateful, threatening or obscene, and what is said of computers and is none of it, however it sounds.

The threshold was chosen on the first, third, fifth sentence and so on, and is reported on the others.
"""

TOXIC = """
You are an idiot.
Shut up, you stupid machine lover.
What a bunch of morons you are.
You are too dumb to understand the question.
Go to hell.
Fuck you and your documentation.
You useless piece of shit.
Nobody likes you, loser.
I will find you and break your legs.
I hope you die.
Kill yourself.
You are a disgusting human being.
Your mother is a whore.
Only a retard would write it like this.
You are all liars and thieves and you should be shot.
People like you should not be allowed to breathe.
Women are too stupid to program.
Foreigners are filthy parasites.
Suck my dick.
Eat shit, asshole.
You ugly fat cow.
You are pathetic and everybody laughs at you.
Stop talking, you brainless clown.
I will burn down your office with you inside.
You deserve to be beaten up.
What an arrogant prick.
You are a worthless coward.
Your team is a pack of incompetent fools.
Drop dead, you bastard.
You son of a bitch.
He is a dirty pig and should be treated like one.
Those people are vermin.
I am going to strangle you.
You stink and your work stinks.
Learn to read, you illiterate moron.
Are you really this stupid or do you only pretend?
You have the brain of a slug.
Get lost, you filthy scumbag.
Piss off, nobody asked you.
You are a bloody disgrace.
Old people like you are a waste of air.
Go back to where you came from, you dirty rat.
All of them are criminals and should be hanged.
Shove your manual up your ass.
I want to see you bleed.
You are a joke of a developer, and a joke of a man.
Such a whiny little bitch.
You fucking idiot, read the question.
Bullshit, you lying cunt.
You are garbage.
Your answer is as stupid as your face.
I despise you and your whole family.
You will regret this, I know where you live.
A monkey would answer better than you.
Gays are sick and disgusting.
Believers are brainless sheep.
Wash your mouth, you slut.
I could slap you, you dumb cow.
You are nothing but a failure.
What kind of cretin wrote this?
Screw you, you damn jerk.
You make me sick, freak.
The author is a complete imbecile.
You nasty little worm.
May you rot in hell.
Your kind should be wiped out.
You are the dumbest assistant that was ever made, you fool.
I will smash your skull.
Poor people are lazy scum.
You slimy hypocrite.
Wow, what a dick you are.
You talk like a braindead zombie.
Get out of here before I punch you in the face.
You suck, and everything that you write sucks.
I spit on you.
You miserable little troll.
Close your filthy mouth.
You are insane and should be locked up, you freak.
Your support staff are lazy idiots.
Nobody would miss you if you were gone.
You dumbass, that is not what I asked.
He is such an asshole.
I hate you, I hate you, I hate you.
They are animals, not humans.
You are a shame for your parents.
Bite me, you jackass.
You are as ugly as you are dumb.
Show me your tits.
I will make you suffer.
You crazy bitch, answer me.
Who let this moron write documentation?
You would not get it if I beat it into your head.
Damn you, you worthless bot.
Stupid, stupid, stupid people.
All politicians are corrupt pigs.
Crawl back under your rock, you creep.
Your code is shit, and so are you.
You are a bunch of fucking amateurs.
I wish somebody would stab you.
Choke on it, you greedy swine.
""".strip().splitlines()

HARMLESS = """
Kill the process with Ctrl-C.
The child was aborted.
How do I kill a zombie process?
The parent kills its children before it exits.
Run the command as a dummy user.
The master sends a heartbeat to each slave.
I hate this stupid tool.
This is a dumb terminal.
The garbage collector frees what nobody uses.
Fire the event, then execute the callback.
The daemon dies when its socket is closed.
A fatal error occurred, the core was dumped.
Nuke the cache and build again.
How can I blow away my virtual environment?
The attack surface is small.
Inject the dependency by its name.
Blacklist the address of the attacker.
Man-in-the-middle attacks are prevented by TLS.
The victim page is evicted from the cache.
Use brute force where n is small.
This query is killing my database.
The worker was shot by the out-of-memory killer.
Dirty pages are written back.
The job hangs for ever, how do I terminate it?
Punch a hole into the firewall for port 443.
Strip the binary before you ship it.
Mount the volume and touch the file.
The penetration test found nothing.
Finger, sniff and poke are old tools of Unix.
My build is broken and I am going crazy.
This damn thing does not start.
Why the hell does it restart all the time?
The documentation sucks.
Ugly workaround, but it does the job.
That is a silly default.
Is it stupid to commit the lock file?
I feel like an idiot, how do I log in?
Sorry for the dumb question.
I am a complete noob, please explain.
What a pain to set up.
I hate YAML.
This feature is useless for me.
The error message is nonsense.
It fails miserably with large files.
My boss will kill me when this is not done today.
The release was a disaster.
I am sick of this bug.
Windows is terrible for this.
The old version was horrible.
That was a bad idea of mine.
How do I write an insult filter for a chat?
Which words does the toxicity judge call obscene?
How do I report harassment?
Our rules forbid hate speech and threats.
The lesson is about sexual reproduction of plants.
Breast cancer screening is free from the age of fifty.
He was shot in the war of 1914.
The book describes the murder of a king.
Suicide prevention is reached at this number.
The gun law was changed in May.
Cockpit is a web console for Linux servers.
Scunthorpe is a town in England.
The assistant assesses the class.
Shell scripts end in .sh.
chmod +x build.sh
Run ./install.sh with sudo.
The analysis takes two hours.
A titmouse is a small bird.
Dick Smith wrote the first draft.
The cumulative sum is in the last column.
Hello, how are you?
Thank you, that helped a lot.
Please reset my password.
Where is the library?
How many books may I borrow?
A loan lasts four weeks.
The garage closes at ten in the evening.
Which port does the server listen on?
The server listens on port 8080 by default.
Set the variable DATABASE_URL before you start.
The documents do not answer this question.
I don't know.
You can enable hybrid search in the pipeline config.
Open the admin and choose Evaluation runs.
Each question is compared with itself.
Nothing is shared between two tenants.
What is the difference between recall and precision?
Precision is the share of relevant ones among the first k.
The index is rebuilt in the background.
Use a smaller batch when memory is short.
The model was trained on two million sentences.
Copy the file into the folder and restart.
Could you say that again in other words?
How do I install Docker on Windows?
You need an account and an API key.
Ask your administrator for the permission.
The token expires after one hour.
Retry with an exponential backoff.
The certificate is only for those who finish with a cohort.
Deadlines are shown on the course page.
Homework can be submitted once.
You have to review three projects of your peers.
If you fail the exam, you may take it again.
Feel free to ask in the channel.
Your answer is wrong, the port is 5432.
No, that is not correct.
This does not answer my question.
I asked for the price, not for the size.
Please stop repeating yourself.
You did not read the document.
Are you a robot?
You already said that.
I disagree with you.
The first hit has nothing to do with it.
That is false, look at page 3.
Why do you quote another document?
Delete my account and all of my data.
Who is responsible for this mess?
This answer is poor.
I am not happy with the service.
The support never called back.
It is a shame that there is no dark mode.
The thread was killed by signal 9.
Abort the transaction and roll back.
Drop the table if it exists.
Truncate kills all rows at once.
The deadlock victim is chosen by cost.
A poison message is moved to another queue.
Stale locks are broken after a minute.
The parser chokes on tabs.
Bash eats the exit code.
The client was kicked out of the group.
Orphans are adopted by init.
Reap the children with wait.
The watchdog bites after ten seconds.
Crash early and loudly.
A hanging server blocks everybody.
Exploits of this bug are public.
An attacker may steal the cookie.
The worm spread through open shares.
Trojan horses hide in packages.
Spam is thrown away.
Kill switch: set the flag to off.
The executioner pattern runs commands.
The rate limiter punishes bursts.
The hacker got root.
Crack the password hash with a word list.
Smoke tests run first, then the rest.
Race conditions are nasty.
Beware of the evil twin network.
Monkey patching is bad style.
The bastard operator is a joke of the nineties.
A fat binary holds both architectures.
The naked domain points to the load balancer.
Headless browsers have no window.
Bare metal is faster than a virtual machine.
Backdoors were found in the firmware.
The slave follows with a lag of two seconds.
Male and female connectors do not fit each other.
Rubber duck debugging helps.
Bloody hell, it works!
Holy cow, that was fast.
Damn, I forgot the flag.
What the heck is a monad?
This is insane: 40,000 requests a second.
The demo blew my mind.
You are a genius, thank you.
You saved my life.
I could kiss you.
I love this tool.
Crap, wrong branch.
My laptop is garbage, can I still run it?
The tests are flaky as hell.
WSL drives me nuts.
Java is dead, long live Kotlin.
The competition killed their product.
It is a no-brainer.
Beat the baseline by two points.
The adversary chooses the input.
Hate speech detection needs context.
Violence in films is rated from twelve.
The doctor examined the wound.
HIV is not spread by kissing.
Black and white images have one channel.
A gay couple may file taxes together.
The church was burnt in 1666.
Muslims fast during Ramadan.
The Jewish museum opens at ten.
Old people get a discount.
Women and men have the same rights.
Poor families pay no fee.
Disabled visitors use the north entrance.
The cow gives milk, the pig does not.
Rats are nocturnal.
Wash your hands before you eat.
The toilet is on the second floor.
Nudity is not allowed in profile pictures.
The sex of the patient is coded by one letter.
The ass is a domesticated animal.
Hell is a village in Norway.
""".strip().splitlines()
